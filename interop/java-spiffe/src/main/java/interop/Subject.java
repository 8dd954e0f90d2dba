package interop;

import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.spiffeid.TrustDomain;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Source;
import java.time.Duration;
import java.util.Map;

/** What every check works on. The peer's first port lets this program in, the other one only others. */
record Subject(
        SpiffeId id, SpiffeId secondId, SpiffeId otherId, TrustDomain partner, SpiffeId peerId, int openPort, int closedPort) {

    static final String AUDIENCE = "spiffe://interop.example/orders";
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    static Subject of(Map<String, String> options) {
        SpiffeId id = SpiffeId.parse(options.get("id"));
        return new Subject(
                id,
                SpiffeId.parse(id + "/second"),
                SpiffeId.fromSegments(id.getTrustDomain(), "not", "this", "program"),
                TrustDomain.parse(options.getOrDefault("partner", "partner.example")),
                SpiffeId.parse(options.getOrDefault("peer-id", id.toString())),
                Integer.parseInt(options.getOrDefault("peer-open", "0")),
                Integer.parseInt(options.getOrDefault("peer-closed", "0")));
    }

    /** A client with a channel of its own, to the socket that the environment names. */
    static WorkloadApiClient newClient() throws Exception {
        return DefaultWorkloadApiClient.newClient();
    }

    static X509Source newX509Source() throws Exception {
        return DefaultX509Source.newSource(DefaultX509Source.X509SourceOptions.builder().initTimeout(PATIENCE).build());
    }
}
