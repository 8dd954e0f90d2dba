package interop;

import io.spiffe.workloadapi.WorkloadApiClient;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * A foreign client of the Workload API: all it knows is java-spiffe, which others wrote for other servers. Prints one JSON
 * line per check and exits 1 when one failed.
 */
public final class Main {

    /** Kept, since a logger that nobody holds forgets its level. */
    private static final Logger ROOT = Logger.getLogger("");

    private Main() {
    }

    /** Options are {@code name=value}: id, unregistered, partner, peer-id, peer-open, peer-closed. */
    public static void main(String[] args) throws Exception {
        ROOT.setLevel(Level.OFF);
        Map<String, String> options = new HashMap<>();
        for (String arg : args) {
            String[] parts = arg.split("=", 2);
            options.put(parts[0], parts[1]);
        }
        Subject subject = Subject.of(options);
        boolean passed;
        try (WorkloadApiClient client = Subject.newClient()) {
            List<Check> checks = new ArrayList<>();
            if (options.containsKey("unregistered")) {
                checks.addAll(DeniedChecks.all(subject, client));
            } else {
                checks.addAll(new X509Checks(subject, client).all());
                checks.addAll(new JwtChecks(subject, client).all());
                checks.addAll(new TlsChecks(subject).all());
            }
            passed = Report.run(checks);
        }
        // Threads of the library's own would keep the program alive.
        System.exit(passed ? 0 : 1);
    }
}
