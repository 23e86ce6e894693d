// PNG pictures in base64, as answers hold them: grey in 8 or 16 bit, or colours in 8 bit.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "errors.h"
#include "picture.h"
#include "third_party/stb_image.h"
#include "third_party/stb_image_write.h"

// Defined by stb_image_write.h, which declares it only where it is implemented.
extern "C" unsigned char* stbi_zlib_compress(unsigned char* data, int data_len, int* out_len, int quality);

namespace png {

// Whole numbers row by row, channels last.
struct Image {
    int width = 0;
    int height = 0;
    int channels = 1;
    std::vector<uint16_t> values;
};

inline std::string to_base64(const std::string& bytes) {
    static const char* const kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (size_t place = 0; place < bytes.size(); place += 3) {
        uint32_t bits = 0;
        for (size_t index = 0; index < 3; ++index) {
            bits = (bits << 8) | (place + index < bytes.size() ? static_cast<unsigned char>(bytes[place + index]) : 0u);
        }
        for (size_t index = 0; index < 4; ++index) {
            text += place + index <= bytes.size() ? kLetters[(bits >> (18 - 6 * index)) & 63u] : '=';
        }
    }
    return text;
}

inline Bytes from_base64(const std::string& text) {
    Bytes bytes;
    uint32_t bits = 0;
    int count = 0;
    for (char letter : text) {
        uint32_t value = 0;
        if (letter >= 'A' && letter <= 'Z')
            value = static_cast<uint32_t>(letter - 'A');
        else if (letter >= 'a' && letter <= 'z')
            value = static_cast<uint32_t>(letter - 'a' + 26);
        else if (letter >= '0' && letter <= '9')
            value = static_cast<uint32_t>(letter - '0' + 52);
        else if (letter == '+')
            value = 62;
        else if (letter == '/')
            value = 63;
        else
            continue;
        bits = (bits << 6) | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes.push_back(static_cast<unsigned char>((bits >> count) & 255u));
        }
    }
    return bytes;
}

inline std::string big_endian(uint32_t value) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>((value >> shift) & 255u);
    return text;
}

inline std::string chunk(const std::string& kind, const std::string& data) {
    uint32_t crc = 0xFFFFFFFFu;
    for (char letter : kind + data) {
        crc ^= static_cast<unsigned char>(letter);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xEDB88320u : 0u);
    }
    return big_endian(static_cast<uint32_t>(data.size())) + kind + data + big_endian(~crc);
}

// In 16 bit where a number is larger than 255. Written out, since stb_image_write writes 8 bit only.
inline std::string encode(const Image& image) {
    const bool is_deep =
        std::any_of(image.values.begin(), image.values.end(), [](uint16_t value) { return value > 255; });
    const size_t row = static_cast<size_t>(image.width) * image.channels;
    std::vector<unsigned char> raw;
    for (size_t index = 0; index < image.values.size(); ++index) {
        if (index % row == 0) raw.push_back(0);  // rows as they are, without a filter
        if (is_deep) raw.push_back(static_cast<unsigned char>(image.values[index] >> 8));
        raw.push_back(static_cast<unsigned char>(image.values[index] & 255));
    }
    int length = 0;
    const std::unique_ptr<unsigned char, void (*)(void*)> packed(
        stbi_zlib_compress(raw.data(), static_cast<int>(raw.size()), &length, 8), std::free);
    std::string head = big_endian(static_cast<uint32_t>(image.width)) + big_endian(static_cast<uint32_t>(image.height));
    head += {static_cast<char>(is_deep ? 16 : 8), static_cast<char>(image.channels == 1 ? 0 : 2), 0, 0, 0};
    return to_base64("\x89PNG\r\n\x1a\n" + chunk("IHDR", head) +
                     chunk("IDAT", std::string(reinterpret_cast<char*>(packed.get()), static_cast<size_t>(length))) +
                     chunk("IEND", ""));
}

// The inverse.
inline Image decode(const std::string& text) {
    const Bytes bytes = from_base64(text);
    const int size = static_cast<int>(bytes.size());
    Image made;
    if (stbi_is_16_bit_from_memory(bytes.data(), size) != 0) {
        const std::unique_ptr<uint16_t, void (*)(void*)> found(
            stbi_load_16_from_memory(bytes.data(), size, &made.width, &made.height, &made.channels, 0),
            stbi_image_free);
        if (found)
            made.values.assign(found.get(),
                               found.get() + static_cast<size_t>(made.width) * made.height * made.channels);
    } else {
        const std::unique_ptr<unsigned char, void (*)(void*)> found(
            stbi_load_from_memory(bytes.data(), size, &made.width, &made.height, &made.channels, 0), stbi_image_free);
        if (found)
            made.values.assign(found.get(),
                               found.get() + static_cast<size_t>(made.width) * made.height * made.channels);
    }
    if (made.values.empty()) throw UserError("A picture in expected.json is damaged. Unpack the kit again.");
    return made;
}

}  // namespace png
