package edgepress.kit;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;
import android.os.Bundle;
import android.widget.ImageView;
import android.widget.TextView;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Picks a picture and shows the answer of the model. */
public final class MainActivity extends Activity {
    private static final int PICK = 1;
    private static final int LONGEST_SIDE = 2048;

    private final ExecutorService worker = Executors.newSingleThreadExecutor();
    private ImageView image;
    private TextView answer;
    private Kit kit; // used by the worker only

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        setContentView(R.layout.main);
        image = findViewById(R.id.image);
        answer = findViewById(R.id.answer);
        findViewById(R.id.pick).setOnClickListener(view -> pick());
    }

    @Override
    protected void onDestroy() {
        worker.shutdown();
        super.onDestroy();
    }

    private void pick() {
        Intent intent = new Intent(Intent.ACTION_GET_CONTENT);
        intent.setType("image/*");
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        startActivityForResult(intent, PICK);
    }

    @Override
    protected void onActivityResult(int request, int result, Intent data) {
        super.onActivityResult(request, result, data);
        if (request == PICK && result == RESULT_OK && data != null && data.getData() != null) {
            answer.setText(R.string.working);
            Uri picked = data.getData();
            worker.execute(() -> run(picked));
        }
    }

    private void run(Uri picked) {
        try {
            Bitmap picture = read(picked);
            if (kit == null) {
                kit = new Kit(getApplicationContext());
            }
            long start = System.nanoTime();
            String text = kit.answer(picture);
            long milliseconds = (System.nanoTime() - start) / 1_000_000;
            show(picture, text + getString(R.string.time, milliseconds));
        } catch (IOException | RuntimeException | OutOfMemoryError error) {
            show(null, getString(R.string.failed, String.valueOf(error.getMessage())));
        }
    }

    private void show(Bitmap picture, String text) {
        runOnUiThread(() -> {
            image.setImageBitmap(picture);
            answer.setText(text);
        });
    }

    /** Upright, on white where it is transparent, and not much larger than LONGEST_SIDE. */
    private Bitmap read(Uri picked) throws IOException {
        BitmapFactory.Options options = new BitmapFactory.Options();
        options.inJustDecodeBounds = true;
        try (InputStream stream = open(picked)) {
            BitmapFactory.decodeStream(stream, null, options);
        }
        options.inJustDecodeBounds = false;
        options.inSampleSize = 1;
        while (Math.max(options.outWidth, options.outHeight) / options.inSampleSize > 2 * LONGEST_SIDE) {
            options.inSampleSize *= 2;
        }
        Bitmap found;
        try (InputStream stream = open(picked)) {
            found = BitmapFactory.decodeStream(stream, null, options);
        }
        if (found == null) {
            throw new IOException("The picture cannot be read.");
        }
        Matrix matrix = turn(picked);
        Bitmap turned = Bitmap.createBitmap(found, 0, 0, found.getWidth(), found.getHeight(), matrix, true);
        Bitmap seen = Bitmap.createBitmap(turned.getWidth(), turned.getHeight(), Bitmap.Config.ARGB_8888);
        Canvas canvas = new Canvas(seen);
        canvas.drawColor(Color.WHITE);
        canvas.drawBitmap(turned, 0, 0, null);
        return seen;
    }

    private InputStream open(Uri picked) throws IOException {
        InputStream stream = getContentResolver().openInputStream(picked);
        if (stream == null) {
            throw new IOException("The picture cannot be opened.");
        }
        return stream;
    }

    private Matrix turn(Uri picked) throws IOException {
        Matrix matrix = new Matrix();
        int orientation;
        try (InputStream stream = open(picked)) {
            orientation =
                    new ExifInterface(stream)
                            .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL);
        }
        boolean isMirrored =
                orientation == ExifInterface.ORIENTATION_FLIP_HORIZONTAL
                        || orientation == ExifInterface.ORIENTATION_FLIP_VERTICAL
                        || orientation == ExifInterface.ORIENTATION_TRANSPOSE
                        || orientation == ExifInterface.ORIENTATION_TRANSVERSE;
        if (isMirrored) {
            matrix.postScale(-1, 1);
        }
        switch (orientation) {
            case ExifInterface.ORIENTATION_ROTATE_180:
            case ExifInterface.ORIENTATION_FLIP_VERTICAL:
                matrix.postRotate(180);
                break;
            case ExifInterface.ORIENTATION_ROTATE_90:
            case ExifInterface.ORIENTATION_TRANSVERSE:
                matrix.postRotate(90);
                break;
            case ExifInterface.ORIENTATION_ROTATE_270:
            case ExifInterface.ORIENTATION_TRANSPOSE:
                matrix.postRotate(270);
                break;
            default:
                break;
        }
        return matrix;
    }
}
