// The gateway's client for an app: copy this file. It needs OkHttp 5 and kotlinx-coroutines.
// Its flows emit the response so far, and survive lost connections: docs/resilience.md says how.

import java.io.IOException
import java.util.UUID
import java.util.concurrent.TimeUnit
import kotlin.coroutines.cancellation.CancellationException
import kotlin.random.Random
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import okhttp3.HttpUrl
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.MultipartBody
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import org.json.JSONException
import org.json.JSONObject

/**
 * Decide by [code]: docs/errors.md lists all of them. After `invalid_grant` the user must sign in again.
 * `connection_lost` (status 0) is this client's own: the network did not come back in time.
 */
class GatewayException(val status: Int, val code: String, detail: String, val retryAfter: Double = 0.0) :
    Exception(detail)

/** The response so far. It is complete when it has a [finishReason]. */
data class Reply(val text: String = "", val transcript: String = "", val finishReason: String = "")

/** Where the refresh token is kept, such as a file that is encrypted with a key of the Android Keystore. */
interface TokenStore {
    fun load(): String?
    fun save(refreshToken: String)
}

class GatewayClient(
    private val baseUrl: HttpUrl,
    private val store: TokenStore,
    private var accessToken: String? = null,
    private val patienceSeconds: Double = 60.0,
    silenceSeconds: Long = 25,  // the gateway sends a line every 10 seconds: longer silence is a dead connection
) {
    private val refreshing = Mutex()
    private val http = OkHttpClient.Builder().readTimeout(silenceSeconds, TimeUnit.SECONDS).build()

    /** Takes the fields of POST /chat. Cancel the collector to stop the generation; so with all flows. */
    fun chat(fields: JSONObject): Flow<Reply> {
        val body = JSONObject(fields.toString()).put("stream", true).put("resumable", true)
        return stream(Exchange("chat", body.toString().toRequestBody(JSON)))
    }

    /** Takes a photo as the camera stores it. */
    fun vision(prompt: String, photo: ByteArray): Flow<Reply> =
        stream(Exchange("vision", form(mapOf("prompt" to prompt), "image", photo)))

    /** Takes a recording as the phone makes it. The reply has its transcript. */
    fun speech(recording: ByteArray): Flow<Reply> =
        stream(Exchange("speech", form(emptyMap(), "audio", recording)))

    private fun stream(exchange: Exchange): Flow<Reply> = flow {
        val patience = Patience(patienceSeconds)
        var expired: String? = null
        try {
            while (true) {
                val token = token(expired)
                val failure = try {
                    open(exchange, token).use { response ->
                        if (!response.isSuccessful) throw errorOf(response)
                        exchange.streamId = response.header("Stream-Id") ?: exchange.streamId
                        while (exchange.reply.finishReason == "") {
                            currentCoroutineContext().ensureActive()
                            if (exchange.take(response.body.source().readUtf8LineStrict())) {
                                patience.noteProgress()
                                emit(exchange.reply)
                            }
                        }
                    }
                    return@flow
                } catch (lost: IOException) {
                    connectionLost()
                } catch (refused: GatewayException) {
                    if (refused.status == 401 && expired == null) {
                        expired = token
                        continue
                    }
                    if (refused.status !in RETRIED_STATUS && refused.code !in RETRIED_CODES) throw refused
                    exchange.streamId = ""
                    refused
                }
                if (exchange.streamId == "") exchange.beginAgain()
                patience.wait(failure)
            }
        } catch (left: CancellationException) {
            if (exchange.streamId != "") stop(exchange.streamId)
            throw left
        }
    }.flowOn(Dispatchers.IO)

    private fun open(exchange: Exchange, token: String): Response {
        val request = Request.Builder().header("Authorization", "Bearer $token")
        if (exchange.streamId == "") {
            request.url(url(exchange.path)).header("Idempotency-Key", exchange.key).post(exchange.body)
        } else {
            request.url(url("streams/${exchange.streamId}")).header("Last-Event-ID", exchange.lastEvent)
        }
        return http.newCall(request.build()).execute()
    }

    private fun stop(streamId: String) {
        val request = Request.Builder().header("Authorization", "Bearer $accessToken")
        request.url(url("streams/$streamId")).delete()
        try {
            http.newCall(request.build()).execute().close()
        } catch (lost: IOException) {
            // The gateway stops a response that nobody reads for a minute.
        }
    }

    /** All requests that need a new token wait for the same refresh, since a refresh token works once. */
    private suspend fun token(expired: String?): String = refreshing.withLock {
        accessToken?.takeIf { it != expired } ?: refresh().also { accessToken = it }
    }

    /** A retry with the same refresh token within 30 seconds gets the same response. */
    private suspend fun refresh(): String {
        val fields = JSONObject().put("grant_type", "refresh_token").put("refresh_token", store.load() ?: "")
        val body = fields.toString().toRequestBody(JSON)
        val request = Request.Builder().url(url("auth/token")).post(body).build()
        val patience = Patience(patienceSeconds)
        while (true) {
            val failure = try {
                http.newCall(request).execute().use { response ->
                    if (!response.isSuccessful) throw errorOf(response)
                    val pair = parse(response.body.string())
                    store.save(pair.getString("refresh_token"))  // first, since the old one no longer works
                    return pair.getString("access_token")
                }
            } catch (lost: IOException) {
                connectionLost()
            } catch (refused: GatewayException) {
                if (refused.status !in RETRIED_STATUS) throw refused
                refused
            }
            patience.wait(failure)
        }
    }

    private fun url(path: String): HttpUrl = baseUrl.newBuilder().addPathSegments(path).build()
}

/** One request and what has arrived of its response. All attempts have one key: the gateway generates once. */
private class Exchange(val path: String, val body: RequestBody) {
    val key = UUID.randomUUID().toString()
    var streamId = ""
    var lastEvent = "0"
    var reply = Reply()
    private var event = ""
    private var id = ""

    fun beginAgain() {
        lastEvent = "0"
        reply = Reply()
    }

    /** An event is a line `event:`, one `id:` and then one `data:`, after which this is true. */
    fun take(line: String): Boolean {
        if (line.startsWith("event: ")) event = line.removePrefix("event: ")
        if (line.startsWith("id: ")) id = line.removePrefix("id: ")
        if (!line.startsWith("data: ")) return false
        val data = parse(line.removePrefix("data: "))
        when (event) {
            "transcript" -> reply = reply.copy(transcript = data.getString("transcript"))
            "delta" -> reply = reply.copy(text = reply.text + data.optString("text"))
            "done" -> reply = reply.copy(finishReason = data.getString("finish_reason"))
            "error" -> throw errorOf(data, retryAfter = 0.0)
        }
        lastEvent = id
        return true
    }
}

/** Waits before a retry: as long as the gateway says, or longer each time until there is progress. */
private class Patience(private var secondsLeft: Double) {
    private var pause = 1.0

    fun noteProgress() {
        pause = 1.0
    }

    /** Throws the failure when it is time to give up. */
    suspend fun wait(failure: GatewayException) {
        val seconds = maxOf(failure.retryAfter, pause * Random.nextDouble())
        if (seconds > secondsLeft) throw failure
        secondsLeft -= seconds
        pause = minOf(2 * pause, 16.0)
        delay((1000 * seconds).toLong())
    }
}

private fun parse(text: String): JSONObject = try {
    JSONObject(text)
} catch (garbled: JSONException) {
    throw IOException("not the gateway's response")  // but a hotspot's page, for example
}

private fun errorOf(response: Response): GatewayException {
    val retryAfter = response.header("Retry-After")?.toDoubleOrNull() ?: 0.0
    return errorOf(parse(response.body.string()), retryAfter)
}

private fun errorOf(problem: JSONObject, retryAfter: Double) =
    GatewayException(problem.getInt("status"), problem.getString("code"), problem.getString("detail"), retryAfter)

private fun connectionLost() = GatewayException(0, "connection_lost", "No connection. Try again later.")

private fun form(fields: Map<String, String>, name: String, file: ByteArray): RequestBody {
    val form = MultipartBody.Builder().setType(MultipartBody.FORM)
    val all = fields + mapOf("stream" to "true", "resumable" to "true")
    all.forEach { (field, value) -> form.addFormDataPart(field, value) }
    return form.addFormDataPart(name, name, file.toRequestBody(BYTES)).build()
}

private val JSON = "application/json".toMediaType()
private val BYTES = "application/octet-stream".toMediaType()
private val RETRIED_STATUS = setOf(429, 502, 503)
private val RETRIED_CODES = setOf("stream_not_found", "stream_abandoned", "idempotency_key_in_use")
