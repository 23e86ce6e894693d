#!/bin/sh
# Starts EdgePress on Linux and macOS, also by a double click, with a Python of a supported version.
cd "$(dirname "$0")" || exit 1

hold() { # a window opened by a double click would vanish with its message
    if [ -t 0 ] && [ -t 1 ]; then
        printf 'Press Enter to close this window. / 按回车键关闭窗口。'
        read -r _
    fi
    exit "$1"
}

for name in python3.13 python3.12 python3.11 python3.10 python3 python; do
    if command -v "$name" >/dev/null 2>&1 &&
        "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2])' >/dev/null 2>&1; then
        "$name" start.py "$@"
        code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq 130 ] || hold "$code"
        exit "$code"
    fi
done

# None is supported: let the first Python there is print what is wrong with it.
for name in python3 python; do
    if command -v "$name" >/dev/null 2>&1; then
        "$name" start.py "$@"
        hold $?
    fi
done

echo 'EdgePress needs Python 3.10 to 3.13, and this computer has none.'
echo 'On macOS install it from python.org; on Debian or Ubuntu: sudo apt install python3 python3-venv'
echo 'EdgePress 需要 Python 3.10 到 3.13，但这台电脑上没有。'
echo 'macOS 请从 python.org 安装；Debian 或 Ubuntu 请运行：sudo apt install python3 python3-venv'
hold 1
