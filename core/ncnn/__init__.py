"""ncnn's own file formats, and everything done to them without ncnn's C++ tools."""
