package interop;

import static interop.Check.expect;
import static interop.Check.refused;

import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.workloadapi.X509Source;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** Mutual TLS with a service of the other implementation. */
final class TlsChecks {

    private static final int PATIENCE_MS = 15_000;
    private static final String HELLO = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

    private final Subject subject;

    TlsChecks(Subject subject) {
        this.subject = subject;
    }

    List<Check> all() {
        return List.of(
                new Check("peer: its server knows us by our SVID", () -> {
                    String answer = ask(subject.peerId(), subject.openPort(), "/");
                    expect("status", status(answer), "200");
                    expect("answer", content(answer), subject.id().toString());
                    return content(answer);
                }),
                new Check("peer: its policy refuses us where only others may call", () -> {
                    String answer = ask(subject.peerId(), subject.closedPort(), "/");
                    expect("status", status(answer), "403");
                    return content(answer);
                }),
                new Check(
                        "peer: we refuse it as another identity",
                        () -> refused("SPIFFE ID", () -> ask(subject.otherId(), subject.openPort(), "/"))),
                new Check("peer: it calls our server by mutual TLS", () -> called(subject.id(), "hello")),
                new Check(
                        "peer: it refuses our server as another identity",
                        () -> called(subject.otherId(), "ERR_CERTIFICATE_UNEXPECTED_PEER")));
    }

    private static SSLContext contextFor(X509Source source, SpiffeId expected) throws Exception {
        return SpiffeSslContextFactory.getSslContext(SslContextOptions.builder()
                .sslProtocol("TLSv1.3")
                .x509Source(source)
                .acceptedSpiffeIdsSupplier(() -> Set.of(expected))
                .build());
    }

    private String ask(SpiffeId expected, int port, String path) throws Exception {
        try (X509Source source = Subject.newX509Source()) {
            return ask(contextFor(source, expected), port, path);
        }
    }

    private static String ask(SSLContext context, int port, String path) throws Exception {
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(PATIENCE_MS);
            String request = "GET " + path + " HTTP/1.1\r\nhost: 127.0.0.1:" + port + "\r\nconnection: close\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readNBytes(16_384), StandardCharsets.UTF_8);
        }
    }

    /** Asks the peer to call a server of this program, and returns what the peer says came of it. */
    private String called(SpiffeId expected, String want) throws Exception {
        try (X509Source source = Subject.newX509Source()) {
            SSLContext context = contextFor(source, subject.peerId());
            try (SSLServerSocket server = (SSLServerSocket)
                    context.getServerSocketFactory().createServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                server.setNeedClientAuth(true);
                Thread serving = new Thread(() -> serveOne(server));
                serving.setDaemon(true);
                serving.start();
                String answer = ask(context, subject.openPort(), "/call?port=" + server.getLocalPort() + "&peer=" + expected);
                expect("answer", content(answer), want);
                return content(answer);
            }
        }
    }

    private static void serveOne(SSLServerSocket server) {
        try (SSLSocket socket = (SSLSocket) server.accept()) {
            socket.setSoTimeout(PATIENCE_MS);
            InputStream input = socket.getInputStream();
            if (input.read(new byte[4096]) > 0) {
                socket.getOutputStream().write(HELLO.getBytes(StandardCharsets.US_ASCII));
            }
        } catch (IOException refused) {
            // The peer tells why.
        }
    }

    private static String status(String answer) {
        return answer.split(" ")[1];
    }

    /** Of a short answer, which may be sent in one chunk. */
    private static String content(String answer) {
        String[] parts = answer.split("\r\n\r\n", 2);
        return parts[0].toLowerCase().contains("transfer-encoding: chunked") ? parts[1].split("\r\n")[1] : parts[1];
    }
}
