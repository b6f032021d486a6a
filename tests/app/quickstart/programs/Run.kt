// Runs the plans of standard input with the Kotlin client: all requests of all plans at once.

import java.io.File
import kotlin.system.exitProcess
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.transformWhile
import kotlinx.coroutines.runBlocking
import okhttp3.HttpUrl.Companion.toHttpUrl
import org.json.JSONArray
import org.json.JSONObject

private class Tokens(private var current: String) : TokenStore {
    val saved = JSONArray()

    override fun load() = current

    override fun save(refreshToken: String) {
        current = refreshToken
        saved.put(refreshToken)
    }
}

private suspend fun run(client: GatewayClient, request: JSONObject): JSONObject {
    val file = File(request.optString("file", "/dev/null")).readBytes()
    val replies = when (request.getString("route")) {
        "chat" -> client.chat(request.getJSONObject("fields"))
        "vision" -> client.vision(request.getString("prompt"), file)
        else -> client.speech(file)
    }
    val leaveAfter = request.optInt("leave_after", 1_000_000)
    var last = Reply()
    try {
        replies.transformWhile { emit(it); it.text.length < leaveAfter }.collect { last = it }
    } catch (error: GatewayException) {
        return JSONObject().put("error", error.code).put("status", error.status)
    }
    return JSONObject().put("text", last.text).put("transcript", last.transcript).put("finish_reason", last.finishReason)
}

private suspend fun run(plan: JSONObject): JSONObject = coroutineScope {
    val tokens = Tokens(plan.getString("refresh_token"))
    val accessToken = if (plan.isNull("access_token")) null else plan.getString("access_token")
    val (patience, silence) = Pair(plan.getDouble("patience_seconds"), plan.getLong("silence_seconds"))
    val client = GatewayClient(plan.getString("url").toHttpUrl(), tokens, accessToken, patience, silence)
    val results = plan.getJSONArray("requests").objects().map { async { run(client, it) } }.awaitAll()
    JSONObject().put("results", JSONArray(results)).put("saved", tokens.saved)
}

private fun JSONArray.objects() = List(length()) { getJSONObject(it) }

fun main() {
    val plans = JSONArray(System.`in`.readBytes().decodeToString()).objects()
    val outcomes = runBlocking(Dispatchers.Default) { plans.map { async { run(it) } }.awaitAll() }
    println(JSONArray(outcomes))
    exitProcess(0)  // OkHttp's threads wait for a minute
}
