package edgepress.kit;

import android.content.Context;
import android.content.res.AssetManager;
import android.graphics.Bitmap;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** The model of this kit, loaded. One thread at a time may use it. */
final class Kit {
    private static final String FOLDER = "kit";

    static {
        System.loadLibrary("kit");
    }

    private final long handle;

    /** Copies the model out of the app's package, since the C++ program opens files, and loads it. */
    Kit(Context context) throws IOException {
        File folder = new File(context.getNoBackupFilesDir(), FOLDER);
        copy(context.getAssets(), folder);
        int threads = Math.max(1, Math.min(4, Runtime.getRuntime().availableProcessors()));
        handle = open(folder.getPath().getBytes(StandardCharsets.UTF_8), threads);
    }

    /** The answer in words, one line for each class, object or text. */
    String answer(Bitmap picture) {
        int width = picture.getWidth();
        int height = picture.getHeight();
        int[] pixels = new int[width * height];
        picture.getPixels(pixels, 0, width, 0, 0, width, height);
        return new String(answer(handle, pixels, width, height), StandardCharsets.UTF_8);
    }

    /** At every start, so that a newer version of the app never runs the model of an older one. */
    private static void copy(AssetManager assets, File folder) throws IOException {
        if (!folder.isDirectory() && !folder.mkdirs()) {
            throw new IOException("There is no room for the model.");
        }
        String[] names = assets.list(FOLDER);
        if (names == null || names.length == 0) {
            throw new IOException("The model is not in the app. Build it inside the kit's folder.");
        }
        byte[] buffer = new byte[1 << 16];
        for (String name : names) {
            try (InputStream from = assets.open(FOLDER + "/" + name);
                    OutputStream to = new FileOutputStream(new File(folder, name))) {
                for (int count = from.read(buffer); count >= 0; count = from.read(buffer)) {
                    to.write(buffer, 0, count);
                }
            }
        }
    }

    private static native long open(byte[] folder, int threads);

    private static native byte[] answer(long kit, int[] pixels, int width, int height);
}
