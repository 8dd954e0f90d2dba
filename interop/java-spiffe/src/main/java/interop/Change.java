package interop;

import io.spiffe.workloadapi.Watcher;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A watcher that waits until what it reads from updates has changed. */
final class Change<T> implements Watcher<T> {

    interface Reader<T> {
        String read(T update) throws Exception;
    }

    static final int PATIENCE_SECONDS = 30;

    private final Reader<T> reader;
    private final List<String> seen = new ArrayList<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile Throwable failure;

    Change(Reader<T> reader) {
        this.reader = reader;
    }

    @Override
    public synchronized void onUpdate(T update) {
        try {
            String value = reader.read(update);
            if (!seen.contains(value)) {
                seen.add(value);
            }
            if (seen.size() > 1) {
                over.countDown();
            }
        } catch (Exception error) {
            onError(error);
        }
    }

    @Override
    public void onError(Throwable error) {
        failure = error;
        over.countDown();
    }

    /** Returns the first value and the second one. */
    String await() throws Exception {
        boolean isOver = over.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (failure != null) {
            throw new IllegalStateException(failure);
        }
        if (!isOver) {
            throw new IllegalStateException("no change after " + seen);
        }
        return seen.get(0) + ", then " + seen.get(1);
    }
}
