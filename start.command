#!/bin/sh
# A double click in the Finder of macOS starts EdgePress: Terminal opens files of this name.
exec "$(dirname "$0")/start.sh" "$@"
