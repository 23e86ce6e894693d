"""The files of a finished job, run on an emulated ARM processor and compared with the source on this computer."""
