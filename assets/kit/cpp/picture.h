// Pictures: read as a viewer shows them - upright, on white where they are transparent, in 8 bit.
//
// JPEG, PNG and BMP are read by stb_image. Its JPEG decoder rounds differently from libjpeg's, which Pillow and OpenCV
// use: in photos one value in twenty differs by 1 of 255, few by 2 or 3. PNG and BMP are the same to the bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "errors.h"
#include "third_party/stb_image.h"

namespace fs = std::filesystem;

constexpr int64_t kMostPixels = 100000000;  // a small file can expand to a picture that fills the memory

struct Picture {
    int width = 0;
    int height = 0;
    int channels = 3;  // 3 for red, green, blue; 1 for grey
    std::vector<uint8_t> pixels;

    Picture() = default;
    Picture(int width, int height, int channels, uint8_t value = 0)
        : width(width),
          height(height),
          channels(channels),
          pixels(static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels), value) {}

    uint8_t* at(int x, int y) { return &pixels[(static_cast<size_t>(y) * width + x) * channels]; }
    const uint8_t* at(int x, int y) const { return &pixels[(static_cast<size_t>(y) * width + x) * channels]; }
};

using Bytes = std::vector<unsigned char>;

inline Bytes read_bytes(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw UserError("There is no file \"" + path.u8string() + "\". Check its name and its folder.");
    return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

namespace picture_details {

// What stb_image leaves out of a JPEG file: its EXIF orientation, and whether its end is missing.
class JpegFile {
  public:
    explicit JpegFile(const Bytes& bytes) : bytes_(bytes) {
        if (bytes.size() < 4 || bytes[0] != 0xFF || bytes[1] != 0xD8) return;
        is_jpeg_ = true;
        for (size_t place = 2; place + 4 <= bytes.size() && bytes[place] == 0xFF;) {
            const int marker = bytes[place + 1];
            const size_t length = (bytes[place + 2] << 8) | bytes[place + 3];
            if (marker == 0xDA) {  // the picture begins
                scan_ = place;
                return;
            }
            const bool is_exif =
                marker == 0xE1 && place + 10 <= bytes.size() && std::memcmp(&bytes[place + 4], "Exif\0\0", 6) == 0;
            if (is_exif) orientation_ = read_tiff(place + 10, std::min(bytes.size(), place + 2 + length));
            place += 2 + length;
        }
    }

    // 1 to 8: how it must be turned to be upright; 1 if the file says nothing.
    int orientation() const { return orientation_; }

    // stb_image fills what is missing with grey.
    bool is_cut_off() const {
        static const unsigned char kEnd[] = {0xFF, 0xD9};
        const auto start = bytes_.begin() + static_cast<ptrdiff_t>(scan_);
        return is_jpeg_ && std::search(start, bytes_.end(), kEnd, kEnd + 2) == bytes_.end();
    }

  private:
    int read_tiff(size_t start, size_t end) {
        if (start + 8 > end) return 1;
        is_little_ = bytes_[start] == 'I';
        const size_t directory = start + number(start + 4, 4);
        if (directory < start || directory + 2 > end) return 1;
        const size_t count = number(directory, 2);
        for (size_t index = 0; index < count; ++index) {
            const size_t entry = directory + 2 + 12 * index;
            if (entry + 12 > end) return 1;
            if (number(entry, 2) == 0x0112) {
                const size_t value = number(entry + 8, 2);
                return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
            }
        }
        return 1;
    }

    size_t number(size_t place, size_t length) const {
        size_t value = 0;
        for (size_t index = 0; index < length; ++index) {
            value = (value << 8) | bytes_[place + (is_little_ ? length - 1 - index : index)];
        }
        return value;
    }

    const Bytes& bytes_;
    bool is_jpeg_ = false, is_little_ = true;
    size_t scan_ = 0;
    int orientation_ = 1;
};

inline Picture upright(const Picture& picture, int orientation) {
    if (orientation == 1) return picture;
    const bool is_turned = orientation >= 5;
    const int width = picture.width, height = picture.height;
    Picture made(is_turned ? height : width, is_turned ? width : height, picture.channels);
    for (int y = 0; y < made.height; ++y) {
        for (int x = 0; x < made.width; ++x) {
            int from_x = is_turned ? y : x, from_y = is_turned ? x : y;
            if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
                from_x = width - 1 - from_x;
            if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
                from_y = height - 1 - from_y;
            std::memcpy(made.at(x, y), picture.at(from_x, from_y), static_cast<size_t>(picture.channels));
        }
    }
    return made;
}

// A value on white, rounded as Pillow's alpha_composite does.
inline uint8_t on_white(uint32_t value, uint32_t alpha) {
    const uint32_t share = alpha * 128;
    const uint32_t sum = value * share + 255 * (255 * 128 - share) + (0x80 << 7);
    return static_cast<uint8_t>(((sum >> 8) + sum) >> 8 >> 7);
}

inline Picture without_transparency(const unsigned char* pixels, int width, int height, int channels) {
    const int colors = channels < 3 ? 1 : 3;
    Picture made(width, height, colors);
    const size_t count = static_cast<size_t>(width) * height;
    for (size_t index = 0; index < count; ++index) {
        for (int color = 0; color < colors; ++color) {
            const unsigned char value = pixels[index * channels + color];
            const bool has_alpha = channels == 2 || channels == 4;
            made.pixels[index * colors + color] =
                has_alpha ? on_white(value, pixels[index * channels + channels - 1]) : value;
        }
    }
    return made;
}

// Grey of 16 bit, of which 65535 is white.
inline Picture in_8_bit(const uint16_t* pixels, int width, int height) {
    Picture made(width, height, 1);
    for (size_t index = 0; index < made.pixels.size(); ++index) {
        made.pixels[index] = static_cast<uint8_t>(std::nearbyint(pixels[index] * (255.0F / 65535.0F)));
    }
    return made;
}

inline bool is_png_cut_off(const Bytes& bytes) {
    static const unsigned char kStart[] = {0x89, 'P', 'N', 'G'}, kEnd[] = {'I', 'E', 'N', 'D'};
    const bool is_png = bytes.size() >= 4 && std::equal(kStart, kStart + 4, bytes.begin());
    return is_png && std::search(bytes.begin(), bytes.end(), kEnd, kEnd + 4) == bytes.end();
}

// A BMP file says how long it is.
inline bool is_bmp_cut_off(const Bytes& bytes) {
    if (bytes.size() < 6 || bytes[0] != 'B' || bytes[1] != 'M') return false;
    return (bytes[2] | bytes[3] << 8 | bytes[4] << 16 | static_cast<size_t>(bytes[5]) << 24) > bytes.size();
}

using Loaded = std::unique_ptr<void, void (*)(void*)>;

}  // namespace picture_details

// Throws UserError where the file is no picture, damaged or too large.
inline Picture decode_picture(const Bytes& bytes, const std::string& name) {
    using namespace picture_details;
    const auto size = static_cast<int>(std::min<size_t>(bytes.size(), 1u << 30));
    int width = 0, height = 0, channels = 0;
    const bool is_known = stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) != 0;
    if (is_known && static_cast<int64_t>(width) * height > kMostPixels) {
        throw UserError("The picture \"" + name + "\" has too many pixels: " + std::to_string(width) + " x " +
                        std::to_string(height) + ".");
    }
    const bool is_deep_grey = is_known && channels == 1 && stbi_is_16_bit_from_memory(bytes.data(), size) != 0;
    const JpegFile jpeg(bytes);
    const bool is_cut_off = jpeg.is_cut_off() || is_png_cut_off(bytes) || is_bmp_cut_off(bytes);
    void* found = nullptr;
    if (!is_known || is_cut_off) {
        found = nullptr;
    } else if (is_deep_grey) {
        found = stbi_load_16_from_memory(bytes.data(), size, &width, &height, &channels, 1);
    } else {
        found = stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 0);
    }
    const Loaded pixels(found, stbi_image_free);
    if (!pixels) {
        const char* reason = is_cut_off ? "its end is missing" : stbi_failure_reason();
        throw UserError("The picture \"" + name +
                        "\" cannot be read: it may be damaged, or of a kind that this program " +
                        "does not know (it reads JPEG, PNG and BMP). (" + (reason ? reason : "unknown") + ")");
    }
    const Picture made = is_deep_grey
                             ? in_8_bit(static_cast<uint16_t*>(pixels.get()), width, height)
                             : without_transparency(static_cast<unsigned char*>(pixels.get()), width, height, channels);
    return upright(made, jpeg.orientation());
}

inline Picture read_picture(const fs::path& path) {
    return decode_picture(read_bytes(path), path.filename().u8string());
}

inline Picture to_rgb(const Picture& picture) {
    if (picture.channels == 3) return picture;
    Picture made(picture.width, picture.height, 3);
    for (size_t index = 0; index < made.pixels.size(); ++index) made.pixels[index] = picture.pixels[index / 3];
    return made;
}

// By the weights of ITU-R 601-2, in the whole numbers of Pillow.
inline Picture to_grey(const Picture& picture) {
    if (picture.channels == 1) return picture;
    Picture made(picture.width, picture.height, 1);
    for (size_t index = 0; index < made.pixels.size(); ++index) {
        const uint8_t* rgb = &picture.pixels[index * 3];
        made.pixels[index] = static_cast<uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
    }
    return made;
}
