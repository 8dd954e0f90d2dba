package interop;

import com.google.gson.JsonObject;
import java.util.List;

/** Prints one JSON line per check. */
final class Report {

    private Report() {
    }

    /** Runs every check, also after one has failed, and tells whether all passed. */
    static boolean run(List<Check> checks) {
        boolean passed = true;
        for (Check check : checks) {
            boolean ok = true;
            String detail;
            try {
                detail = check.step().run();
            } catch (Exception | AssertionError error) {
                ok = false;
                passed = false;
                detail = error.getClass().getSimpleName() + ": " + Check.explain(error);
            }
            JsonObject line = new JsonObject();
            line.addProperty("check", check.name());
            line.addProperty("ok", ok);
            line.addProperty("detail", detail);
            System.out.println(line);
        }
        return passed;
    }
}
