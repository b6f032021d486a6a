// The gateway's client for an app: copy this file. It needs iOS 15 or macOS 12, and no package.
// Its sequences yield the response so far, and survive lost connections: docs/resilience.md says how.

import Foundation

/// Decide by `code`: docs/errors.md lists all of them. After `invalid_grant` the user must sign in again.
/// `connection_lost` (status 0) is this client's own: the network did not come back in time.
struct GatewayError: Error {
    let status: Int
    let code: String
    let detail: String
    var retryAfter = 0.0
}

/// The response so far. It is complete when it has a `finishReason`.
struct Reply: Sendable {
    var text = ""
    var transcript = ""
    var finishReason = ""
}

typealias Replies = AsyncThrowingStream<Reply, Error>

/// Where the refresh token is kept, such as the Keychain.
protocol TokenStore: Sendable {
    func load() -> String?
    func save(_ refreshToken: String)
}

actor GatewayClient {
    private let baseURL: URL
    private let store: TokenStore
    private var accessToken: String?
    private let patienceSeconds: Double
    private var refreshing: Task<String, Error>?
    private let session: URLSession

    init(
        baseURL: URL, store: TokenStore, accessToken: String? = nil, patienceSeconds: Double = 60,
        silenceSeconds: Double = 25  // the gateway sends a line every 10 seconds: longer is a dead connection
    ) {
        self.baseURL = baseURL
        self.store = store
        self.accessToken = accessToken
        self.patienceSeconds = patienceSeconds
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = silenceSeconds
        session = URLSession(configuration: configuration)
    }

    /// Takes the fields of POST /chat. Leave the loop to stop the generation; so with all sequences.
    nonisolated func chat(_ fields: [String: Any]) throws -> Replies {
        let all = fields.merging(["stream": true, "resumable": true]) { _, ours in ours }
        return stream(Exchange(path: "chat", body: try encode(all), contentType: JSON))
    }

    /// Takes a photo as the camera stores it.
    nonisolated func vision(_ prompt: String, photo: Data) -> Replies {
        stream(form(path: "vision", fields: ["prompt": prompt], name: "image", file: photo))
    }

    /// Takes a recording as the phone makes it. The reply has its transcript.
    nonisolated func speech(_ recording: Data) -> Replies {
        stream(form(path: "speech", fields: [:], name: "audio", file: recording))
    }

    private nonisolated func stream(_ exchange: Exchange) -> Replies {
        Replies { continuation in
            let task = Task {
                do {
                    try await self.run(exchange) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    if Task.isCancelled { await self.stop(exchange) }
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func run(_ exchange: Exchange, emit: @Sendable (Reply) -> Void) async throws {
        let patience = Patience(patienceSeconds)
        var expired: String?
        while true {
            let token = try await self.token(expired)
            let failure: GatewayError
            do {
                let (bytes, response) = try await open(exchange, token)
                if response.statusCode != 200 { throw try await errorOf(response, bytes) }
                exchange.streamId = response.value(forHTTPHeaderField: "Stream-Id") ?? exchange.streamId
                for try await line in bytes.lines {
                    if try exchange.take(line) {
                        patience.noteProgress()
                        emit(exchange.reply)
                    }
                    if exchange.reply.finishReason != "" { return }
                }
                failure = connectionLost()
            } catch is URLError where !Task.isCancelled {
                failure = connectionLost()
            } catch let refused as GatewayError {
                if refused.status == 401 && expired == nil {
                    expired = token
                    continue
                }
                if !RETRIED_STATUS.contains(refused.status) && !RETRIED_CODES.contains(refused.code) { throw refused }
                exchange.streamId = ""
                failure = refused
            }
            if exchange.streamId == "" { exchange.beginAgain() }
            try await patience.wait(failure)
        }
    }

    private func open(_ exchange: Exchange, _ token: String) async throws -> (URLSession.AsyncBytes, HTTPURLResponse) {
        var request: URLRequest
        if exchange.streamId == "" {
            request = URLRequest(url: url(exchange.path))
            request.httpMethod = "POST"
            request.httpBody = exchange.body
            request.setValue(exchange.contentType, forHTTPHeaderField: "Content-Type")
            request.setValue(exchange.key, forHTTPHeaderField: "Idempotency-Key")
        } else {
            request = URLRequest(url: url("streams/\(exchange.streamId)"))
            request.setValue(exchange.lastEvent, forHTTPHeaderField: "Last-Event-ID")
        }
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        let (bytes, response) = try await session.bytes(for: request)
        return (bytes, response as! HTTPURLResponse)  // of an http URL, always
    }

    private func stop(_ exchange: Exchange) {
        if exchange.streamId == "" { return }
        var request = URLRequest(url: url("streams/\(exchange.streamId)"))
        request.httpMethod = "DELETE"
        request.setValue("Bearer \(accessToken ?? "")", forHTTPHeaderField: "Authorization")
        session.dataTask(with: request).resume()
        // If it fails: the gateway stops a response that nobody reads for a minute.
    }

    /// All requests that need a new token wait for the same refresh, since a refresh token works once.
    private func token(_ expired: String?) async throws -> String {
        if let accessToken, accessToken != expired { return accessToken }
        if let refreshing { return try await refreshing.value }
        let task = Task { try await self.refresh() }
        refreshing = task
        defer { refreshing = nil }
        let token = try await task.value
        accessToken = token
        return token
    }

    /// A retry with the same refresh token within 30 seconds gets the same response.
    private func refresh() async throws -> String {
        var request = URLRequest(url: url("auth/token"))
        request.httpMethod = "POST"
        request.httpBody = try encode(["grant_type": "refresh_token", "refresh_token": store.load() ?? ""])
        request.setValue(JSON, forHTTPHeaderField: "Content-Type")
        let patience = Patience(patienceSeconds)
        while true {
            let failure: GatewayError
            do {
                let (bytes, response) = try await session.bytes(for: request)
                let http = response as! HTTPURLResponse
                if http.statusCode != 200 { throw try await errorOf(http, bytes) }
                let pair = try parse(try await whole(bytes))
                store.save(pair["refresh_token"] as? String ?? "")  // first, since the old one no longer works
                return pair["access_token"] as? String ?? ""
            } catch is URLError where !Task.isCancelled {
                failure = connectionLost()
            } catch let refused as GatewayError {
                if !RETRIED_STATUS.contains(refused.status) { throw refused }
                failure = refused
            }
            try await patience.wait(failure)
        }
    }

    private nonisolated func url(_ path: String) -> URL { baseURL.appendingPathComponent(path) }
}

/// One request and what has arrived of its response. All attempts have one key: the gateway generates once.
private final class Exchange: @unchecked Sendable {  // used by one task at a time
    let path: String
    let body: Data
    let contentType: String
    let key = UUID().uuidString
    var streamId = ""
    var lastEvent = "0"
    var reply = Reply()
    private var event = ""
    private var id = ""

    init(path: String, body: Data, contentType: String) {
        self.path = path
        self.body = body
        self.contentType = contentType
    }

    func beginAgain() {
        lastEvent = "0"
        reply = Reply()
    }

    /// An event is a line `event:`, one `id:` and then one `data:`, after which this is true.
    func take(_ line: String) throws -> Bool {
        if line.hasPrefix("event: ") { event = String(line.dropFirst("event: ".count)) }
        if line.hasPrefix("id: ") { id = String(line.dropFirst("id: ".count)) }
        if !line.hasPrefix("data: ") { return false }
        let data = try parse(Data(line.dropFirst("data: ".count).utf8))
        switch event {
        case "transcript": reply.transcript = data["transcript"] as? String ?? ""
        case "delta": reply.text += data["text"] as? String ?? ""
        case "done": reply.finishReason = data["finish_reason"] as? String ?? ""
        case "error": throw errorOf(data, retryAfter: 0)
        default: break
        }
        lastEvent = id
        return true
    }
}

/// Waits before a retry: as long as the gateway says, or longer each time until there is progress.
private final class Patience {
    private var secondsLeft: Double
    private var pause = 1.0

    init(_ seconds: Double) {
        secondsLeft = seconds
    }

    func noteProgress() {
        pause = 1.0
    }

    /// Throws the failure when it is time to give up.
    func wait(_ failure: GatewayError) async throws {
        let seconds = max(failure.retryAfter, pause * Double.random(in: 0..<1))
        if seconds > secondsLeft { throw failure }
        secondsLeft -= seconds
        pause = min(2 * pause, 16.0)
        try await Task.sleep(nanoseconds: UInt64(1_000_000_000 * seconds))
    }
}

private func parse(_ data: Data) throws -> [String: Any] {
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
        throw URLError(.cannotParseResponse)  // not the gateway's response, but a hotspot's page, for example
    }
    return object
}

private func errorOf(_ response: HTTPURLResponse, _ bytes: URLSession.AsyncBytes) async throws -> GatewayError {
    let retryAfter = response.value(forHTTPHeaderField: "Retry-After").flatMap(Double.init) ?? 0
    return errorOf(try parse(try await whole(bytes)), retryAfter: retryAfter)
}

private func errorOf(_ problem: [String: Any], retryAfter: Double) -> GatewayError {
    let (code, detail) = (problem["code"] as? String ?? "", problem["detail"] as? String ?? "")
    return GatewayError(status: problem["status"] as? Int ?? 0, code: code, detail: detail, retryAfter: retryAfter)
}

private func connectionLost() -> GatewayError {
    GatewayError(status: 0, code: "connection_lost", detail: "No connection. Try again later.")
}

private func form(path: String, fields: [String: String], name: String, file: Data) -> Exchange {
    let boundary = UUID().uuidString
    var body = Data()
    let all = fields.merging(["stream": "true", "resumable": "true"]) { _, ours in ours }
    for (field, value) in all {
        body.append(Data("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field)\"\r\n\r\n".utf8))
        body.append(Data("\(value)\r\n".utf8))
    }
    let disposition = "Content-Disposition: form-data; name=\"\(name)\"; filename=\"\(name)\""
    body.append(Data("--\(boundary)\r\n\(disposition)\r\n\r\n".utf8) + file)
    body.append(Data("\r\n--\(boundary)--\r\n".utf8))
    return Exchange(path: path, body: body, contentType: "multipart/form-data; boundary=\(boundary)")
}

private func encode(_ fields: [String: Any]) throws -> Data { try JSONSerialization.data(withJSONObject: fields) }

private func whole(_ bytes: URLSession.AsyncBytes) async throws -> Data {
    try await bytes.reduce(into: Data()) { $0.append($1) }
}

private let JSON = "application/json"
private let RETRIED_STATUS: Set = [429, 502, 503]
private let RETRIED_CODES: Set = ["stream_not_found", "stream_abandoned", "idempotency_key_in_use"]
