package interop;

import static interop.Check.refused;
import static interop.Subject.AUDIENCE;

import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.DefaultX509Source.X509SourceOptions;
import io.spiffe.workloadapi.WorkloadApiClient;
import java.time.Duration;
import java.util.List;

/** For a copy of this program that no registration entry names. */
final class DeniedChecks {

    /** A source that is denied waits and tries again, for ever if it may. */
    private static final Duration SOURCE_PATIENCE = Duration.ofSeconds(2);

    private DeniedChecks() {
    }

    static List<Check> all(Subject subject, WorkloadApiClient client) {
        return List.of(
                denied("X.509 context", client::fetchX509Context),
                denied("X.509 bundles", client::fetchX509Bundles),
                denied("JWT-SVID", () -> client.fetchJwtSvid(AUDIENCE)),
                denied("another's JWT-SVID", () -> client.fetchJwtSvid(subject.id(), AUDIENCE)),
                denied("JWT bundles", client::fetchJwtBundles),
                new Check("unregistered program: X509Source does not start", () -> refused("Timeout", () ->
                        DefaultX509Source.newSource(X509SourceOptions.builder().initTimeout(SOURCE_PATIENCE).build()))));
    }

    private static Check denied(String what, Check.Call call) {
        return new Check("unregistered program: denied " + what, () -> refused("PERMISSION_DENIED", call));
    }
}
