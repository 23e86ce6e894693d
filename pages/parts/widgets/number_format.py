"""Numbers as people read them: those of the core, under the name by which the pages know them."""

from core.common.number_format import NOTHING as NOTHING
from core.common.number_format import count as count
from core.common.number_format import decibels as decibels
from core.common.number_format import duration as duration
from core.common.number_format import milliseconds as milliseconds
from core.common.number_format import moment as moment
from core.common.number_format import part as part
from core.common.number_format import percent as percent
from core.common.number_format import similarity as similarity
from core.common.number_format import size as size
from core.common.number_format import size_and_part as size_and_part
from core.common.number_format import times as times
from core.common.number_format import weights as weights
