package interop;

import static interop.Check.expect;
import static interop.Check.refused;
import static interop.Subject.AUDIENCE;

import io.spiffe.bundle.jwtbundle.JwtBundle;
import io.spiffe.bundle.jwtbundle.JwtBundleSet;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.workloadapi.CachedJwtSource;
import io.spiffe.workloadapi.DefaultJwtSource;
import io.spiffe.workloadapi.JwtSource;
import io.spiffe.workloadapi.WorkloadApiClient;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

final class JwtChecks {

    private final Subject subject;
    private final WorkloadApiClient client;

    JwtChecks(Subject subject, WorkloadApiClient client) {
        this.subject = subject;
        this.client = client;
    }

    List<Check> all() {
        return List.of(
                new Check("jwt: SVID validates against fetched bundles", this::validated),
                new Check("jwt: SVID is refused for another audience", this::otherAudience),
                new Check("jwt: SVID is refused by a federated domain's bundle", this::foreignBundle),
                new Check("jwt: one SVID for each identity, for several audiences", this::svids),
                new Check("jwt: identity of another program is denied", this::foreignSubject),
                new Check("jwt: validateJwtSvid accepts", this::validate),
                new Check("jwt: validateJwtSvid refuses another audience", this::validateOtherAudience),
                new Check("jwt: validateJwtSvid refuses a changed token", this::validateChanged),
                new Check("jwt: watch delivers a federated domain's new key", this::newKey),
                new Check("jwt source: SVID validates against the source's own bundles", this::source),
                new Check("jwt source: a cached source gives the same SVID again", this::cachedSource));
    }

    private String fetchToken() throws Exception {
        return client.fetchJwtSvid(subject.id(), AUDIENCE).getToken();
    }

    private String validated() throws Exception {
        JwtSvid svid = JwtSvid.parseAndValidate(fetchToken(), client.fetchJwtBundles(), Set.of(AUDIENCE));
        expect("SPIFFE ID", svid.getSpiffeId(), subject.id());
        return svid.getSpiffeId() + " for " + svid.getAudience();
    }

    private String otherAudience() throws Exception {
        String token = fetchToken();
        JwtBundleSet bundles = client.fetchJwtBundles();
        return refused("audience", () -> JwtSvid.parseAndValidate(token, bundles, Set.of("other")));
    }

    private String foreignBundle() throws Exception {
        String token = fetchToken();
        JwtBundle partner = client.fetchJwtBundles().getBundleForTrustDomain(subject.partner());
        return refused("No JWT bundle", () -> JwtSvid.parseAndValidate(token, partner, Set.of(AUDIENCE)));
    }

    private String svids() throws Exception {
        List<JwtSvid> svids = client.fetchJwtSvids(AUDIENCE, "second");
        expect("SPIFFE IDs", svids.stream().map(JwtSvid::getSpiffeId).toList(), List.of(subject.id(), subject.secondId()));
        expect("audience", new TreeSet<>(svids.get(1).getAudience()), new TreeSet<>(Set.of(AUDIENCE, "second")));
        return svids.stream().map(svid -> svid.getSpiffeId().toString()).collect(Collectors.joining(", "));
    }

    private String foreignSubject() {
        return refused("PERMISSION_DENIED", () -> client.fetchJwtSvid(subject.otherId(), AUDIENCE));
    }

    private String validate() throws Exception {
        JwtSvid svid = client.validateJwtSvid(fetchToken(), AUDIENCE);
        expect("SPIFFE ID", svid.getSpiffeId(), subject.id());
        return svid.getSpiffeId().toString();
    }

    private String validateOtherAudience() throws Exception {
        String token = fetchToken();
        return refused("INVALID_ARGUMENT", () -> client.validateJwtSvid(token, "other"));
    }

    private String validateChanged() throws Exception {
        String token = fetchToken();
        // Of the last character not all bits count; of the signature's first one they do.
        int at = token.lastIndexOf('.') + 1;
        String changed = token.substring(0, at) + (token.charAt(at) == 'A' ? 'B' : 'A') + token.substring(at + 1);
        return refused("INVALID_ARGUMENT", () -> client.validateJwtSvid(changed, AUDIENCE));
    }

    private String newKey() throws Exception {
        Change<JwtBundleSet> change = new Change<>(
                update -> new TreeSet<>(update.getBundleForTrustDomain(subject.partner()).getJwtAuthorities().keySet()).toString());
        try (WorkloadApiClient watching = Subject.newClient()) {
            watching.watchJwtBundles(change);
            return change.await();
        }
    }

    private String source() throws Exception {
        try (JwtSource source = DefaultJwtSource.newSource()) {
            String token = source.fetchJwtSvid(subject.id(), AUDIENCE).getToken();
            JwtSvid svid = JwtSvid.parseAndValidate(token, source, Set.of(AUDIENCE));
            expect("SPIFFE ID", svid.getSpiffeId(), subject.id());
            return svid.getSpiffeId().toString();
        }
    }

    private String cachedSource() throws Exception {
        try (JwtSource source = CachedJwtSource.newSource()) {
            String first = source.fetchJwtSvid(subject.id(), AUDIENCE).getToken();
            expect("token", source.fetchJwtSvid(subject.id(), AUDIENCE).getToken(), first);
            return "one token";
        }
    }
}
