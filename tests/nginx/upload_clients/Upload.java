// Two clients: Java's own and OkHttp, which Android apps use. As JavaScript's in upload.mjs:
// java -cp okhttp.jar:okio.jar:CLASSES Upload java|okhttp certificate.pem (url token bytes)...
// Prints one line for each upload: protocol, status and body of the response, or the exception.

import java.io.FileInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

public class Upload {
    private static final int SECONDS = 20;

    private interface Client {
        String send(String url, String token, byte[] body) throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        TrustManagerFactory trust = trustIn(arguments[1]);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
        Client client = arguments[0].equals("java") ? javaClient(tls) : okHttpClient(tls, trust);
        for (int i = 2; i < arguments.length; i += 3) {
            try {
                byte[] body = new byte[Integer.parseInt(arguments[i + 2])];
                System.out.println(client.send(arguments[i], arguments[i + 1], body));
            } catch (IOException error) {
                System.out.println(error);
            }
        }
        System.exit(0);
    }

    private static Client javaClient(SSLContext tls) {
        HttpClient client = HttpClient.newBuilder().sslContext(tls).build();
        return (url, token, body) -> {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url))
                .timeout(Duration.ofSeconds(SECONDS))
                .header("Content-Type", "application/octet-stream")
                .POST(HttpRequest.BodyPublishers.ofByteArray(body));
            if (!token.isEmpty()) {
                request.header("Authorization", "Bearer " + token);
            }
            HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return response.version() + " " + response.statusCode() + " " + response.body();
        };
    }

    private static Client okHttpClient(SSLContext tls, TrustManagerFactory trust) {
        OkHttpClient client = new OkHttpClient.Builder()
            .sslSocketFactory(tls.getSocketFactory(), (X509TrustManager) trust.getTrustManagers()[0])
            .readTimeout(SECONDS, TimeUnit.SECONDS)
            .writeTimeout(SECONDS, TimeUnit.SECONDS)
            .build();
        MediaType type = MediaType.get("application/octet-stream");
        return (url, token, body) -> {
            Request.Builder request = new Request.Builder().url(url).post(RequestBody.create(type, body));
            if (!token.isEmpty()) {
                request.header("Authorization", "Bearer " + token);
            }
            try (Response response = client.newCall(request.build()).execute()) {
                return response.protocol() + " " + response.code() + " " + response.body().string();
            }
        };
    }

    private static TrustManagerFactory trustIn(String certificate) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        try (FileInputStream file = new FileInputStream(certificate)) {
            trusted.setCertificateEntry("nginx", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        return trust;
    }
}
