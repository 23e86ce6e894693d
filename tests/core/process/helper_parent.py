"""A parent whose helper process hangs; it says the helper's process id and waits to be killed."""

import sys
import threading
import time

from helper_functions import count_calls, hang

from core.process.helper_process import HelperProcess

helper = HelperProcess()
helper.call(count_calls, seconds=60)
threading.Thread(target=lambda: helper.call(hang, seconds=600), daemon=True).start()
time.sleep(0.5)
sys.stdout.write(f"{helper.pid}\n")
sys.stdout.flush()
time.sleep(600)
