// What the app calls: the kit opened once, and the answer for a picture.
#include <jni.h>

#include <exception>
#include <string>
#include <vector>

#include "kit.h"

namespace {

// Java's strings as UTF-8, by way of bytes: JNI's own functions for strings know a variant of it only.
std::string to_string(JNIEnv* env, jbyteArray bytes) {
    std::string text(static_cast<size_t>(env->GetArrayLength(bytes)), '\0');
    env->GetByteArrayRegion(bytes, 0, static_cast<jsize>(text.size()), reinterpret_cast<jbyte*>(&text[0]));
    return text;
}

jbyteArray to_bytes(JNIEnv* env, const std::string& text) {
    jbyteArray bytes = env->NewByteArray(static_cast<jsize>(text.size()));
    if (bytes == nullptr) return nullptr;
    env->SetByteArrayRegion(bytes, 0, static_cast<jsize>(text.size()), reinterpret_cast<const jbyte*>(text.data()));
    return bytes;
}

void throw_java(JNIEnv* env, const char* message) {
    // What is told is English; a class name in it may hold anything.
    std::string shown;
    for (const char* letter = message; *letter != '\0'; ++letter)
        shown += static_cast<unsigned char>(*letter) < 0x80 ? *letter : '?';
    env->ThrowNew(env->FindClass("java/lang/RuntimeException"), shown.c_str());
}

}  // namespace

extern "C" JNIEXPORT jlong JNICALL Java_edgepress_kit_Kit_open(JNIEnv* env, jclass, jbyteArray folder, jint threads) {
    try {
        return reinterpret_cast<jlong>(new Kit(fs::u8path(to_string(env, folder)), threads));
    } catch (const std::exception& error) {
        throw_java(env, error.what());
        return 0;
    }
}

// pixels: ARGB, as Bitmap.getPixels writes them. Returns the lines of the answer, in UTF-8.
extern "C" JNIEXPORT jbyteArray JNICALL Java_edgepress_kit_Kit_answer(JNIEnv* env, jclass, jlong kit, jintArray pixels,
                                                                      jint width, jint height) {
    try {
        std::vector<jint> colors(static_cast<size_t>(env->GetArrayLength(pixels)));
        env->GetIntArrayRegion(pixels, 0, static_cast<jsize>(colors.size()), colors.data());
        Picture picture(width, height, 3);
        if (colors.size() * 3 != picture.pixels.size())
            throw UserError("The picture has another size than its pixels.");
        for (size_t index = 0; index < colors.size(); ++index) {
            const auto color = static_cast<uint32_t>(colors[index]);
            picture.pixels[3 * index] = static_cast<uint8_t>(color >> 16);
            picture.pixels[3 * index + 1] = static_cast<uint8_t>(color >> 8);
            picture.pixels[3 * index + 2] = static_cast<uint8_t>(color);
        }
        std::string text;
        for (const std::string& line : task::words(reinterpret_cast<Kit*>(kit)->answer(picture))) text += line + "\n";
        return to_bytes(env, text);
    } catch (const std::exception& error) {
        throw_java(env, error.what());
        return nullptr;
    }
}
