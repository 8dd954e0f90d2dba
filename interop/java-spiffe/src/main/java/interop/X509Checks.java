package interop;

import static interop.Check.expect;
import static interop.Check.refused;

import io.spiffe.bundle.BundleSource;
import io.spiffe.bundle.x509bundle.X509Bundle;
import io.spiffe.bundle.x509bundle.X509BundleSet;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.svid.x509svid.X509SvidValidator;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import io.spiffe.workloadapi.X509Source;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

final class X509Checks {

    private final Subject subject;
    private final WorkloadApiClient client;

    X509Checks(Subject subject, WorkloadApiClient client) {
        this.subject = subject;
        this.client = client;
    }

    List<Check> all() {
        return List.of(
                new Check("x509: context verifies against its own bundle", this::context),
                new Check("x509: chain is refused where the bundle is missing", this::missingBundle),
                new Check("x509: every SVID, first entry first, each with its hint", this::svids),
                new Check("x509: bundles of both trust domains", this::bundles),
                new Check("x509: watch delivers a rotated SVID", this::rotation),
                new Check("x509: bundle watch delivers a federated domain's new authority", this::newAuthority),
                new Check("x509 source: verifies its own SVID", this::source),
                new Check("x509 source: a picker takes another identity than the first", this::picker),
                new Check("x509 source: closed source gives nothing", this::closedSource));
    }

    private String context() throws Exception {
        X509Context context = client.fetchX509Context();
        X509Svid svid = context.getDefaultSvid();
        expect("SPIFFE ID", svid.getSpiffeId(), subject.id());
        X509SvidValidator.verifyChain(svid.getChain(), context.getX509BundleSet());
        return svid.getSpiffeId() + " until " + svid.getLeaf().getNotAfter().toInstant();
    }

    private String missingBundle() throws Exception {
        X509Svid svid = client.fetchX509Context().getDefaultSvid();
        BundleSource<X509Bundle> empty = X509BundleSet.emptySet();
        return refused("No X.509 bundle", () -> {
            X509SvidValidator.verifyChain(svid.getChain(), empty);
            return null;
        });
    }

    private String svids() throws Exception {
        String seen = client.fetchX509Context().getX509Svids().stream()
                .map(svid -> svid.getSpiffeId() + " '" + svid.getHint() + "'")
                .collect(Collectors.joining(", "));
        expect("SVIDs", seen, subject.id() + " '', " + subject.secondId() + " 'second'");
        return seen;
    }

    private String bundles() throws Exception {
        X509BundleSet bundles = client.fetchX509Bundles();
        X509SvidValidator.verifyChain(client.fetchX509Context().getDefaultSvid().getChain(), bundles);
        return authorities(bundles.getBundleForTrustDomain(subject.partner()));
    }

    private String rotation() throws Exception {
        Change<X509Context> change =
                new Change<>(update -> "serial " + update.getDefaultSvid().getLeaf().getSerialNumber());
        try (WorkloadApiClient watching = Subject.newClient()) {
            watching.watchX509Context(change);
            return change.await();
        }
    }

    private String newAuthority() throws Exception {
        Change<X509BundleSet> change =
                new Change<>(update -> authorities(update.getBundleForTrustDomain(subject.partner())));
        try (WorkloadApiClient watching = Subject.newClient()) {
            watching.watchX509Bundles(change);
            return change.await();
        }
    }

    private String source() throws Exception {
        try (X509Source source = Subject.newX509Source()) {
            X509Svid svid = source.getX509Svid();
            expect("SPIFFE ID", svid.getSpiffeId(), subject.id());
            X509SvidValidator.verifyChain(svid.getChain(), source);
            return svid.getSpiffeId().toString();
        }
    }

    private String picker() throws Exception {
        Function<List<X509Svid>, X509Svid> second = svids -> svids.get(1);
        try (X509Source source = DefaultX509Source.newSource(DefaultX509Source.X509SourceOptions.builder()
                .initTimeout(Duration.ofSeconds(Change.PATIENCE_SECONDS))
                .svidPicker(second)
                .build())) {
            expect("SPIFFE ID", source.getX509Svid().getSpiffeId(), subject.secondId());
            return source.getX509Svid().getSpiffeId().toString();
        }
    }

    private String closedSource() throws Exception {
        X509Source source = Subject.newX509Source();
        source.close();
        return refused("closed", source::getX509Svid);
    }

    private static String authorities(X509Bundle bundle) {
        if (bundle.getX509Authorities().isEmpty()) {
            throw new AssertionError("bundle has no authority");
        }
        return bundle.getX509Authorities().stream()
                .map(authority -> authority.getSubjectX500Principal().getName())
                .sorted()
                .collect(Collectors.joining(" "));
    }
}
