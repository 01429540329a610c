/// What bounds the time, memory and traffic of a `CoAPEndpoint`.
public struct CoAPLimits: Sendable {
  // MARK: Times (RFC 7252 section 4.8)

  /// ACK_TIMEOUT: a confirmable message is sent again after this, times 1 to 1.5 by chance, then after twice that…
  public var acknowledgeMilliseconds: UInt64 = 2000
  /// MAX_RETRANSMIT: …and so on, so many times.
  public var retransmissions = 4
  /// NSTART: how many messages that nobody acknowledged yet may be under way to one peer. The next ones wait.
  public var outstandingPerPeer = 1
  /// EXCHANGE_LIFETIME: how long a confirmable message is remembered, so that its copies do nothing.
  public var exchangeLifetimeMilliseconds: UInt64 = 247_000
  /// NON_LIFETIME: the same of one that is not confirmable.
  public var nonLifetimeMilliseconds: UInt64 = 145_000
  /// MAX_TRANSMIT_WAIT: how long a request waits for its response if its sender does not say.
  public var responseMilliseconds: UInt64 = 93_000
  /// How long a request may be under work before its sender is told that it came; less than ACK_TIMEOUT.
  public var separateMilliseconds: UInt64 = 1000
  /// DEFAULT_LEISURE: a multicast request is answered at a random time within this (section 8.2).
  public var leisureMilliseconds: UInt64 = 5000
  /// PROBING_RATE, in bytes a second: how much is sent to a peer that does not answer.
  public var probingBytesPerSecond: UInt64 = 1
  /// One notification that is not confirmable, at most, to one observer in this time (RFC 7641 section 4.5.1).
  public var notificationMilliseconds: UInt64 = 3000

  // MARK: Strangers

  /// An address that has not proven that it reads what is sent there is sent so many times the bytes that came from it.
  public var amplification: UInt64 = 3
  /// Before requests from such an address that change something, or that ask for notifications, are handed out, the address
  /// must be proven (RFC 9175). Requests that OSCORE protects are not held up: what is above knows who asks.
  public var challengesStrangers = true
  /// How old an Echo value may be: a request that repeats it may have to be sent several times.
  public var echoMilliseconds: UInt64 = 150_000
  /// How many datagrams a second are read from addresses that are not proven, from all of them together.
  public var strangersPerSecond: UInt64 = 500
  /// How many requests a second are taken of one source, over a longer time; a tenth of a second's may come at once, but
  /// never fewer than `requestBurst`.
  public var requestsPerSecond: UInt64 = 200
  public var requestBurst: UInt64 = 50

  // MARK: Memory

  /// The most addresses that are remembered, and of them the most that are not proven. The one not heard for the longest
  /// time goes first, a stranger for a stranger; one with work under way stays. What is remembered of a peer's messages goes
  /// with it.
  public var peers = 640
  public var strangers = 64
  /// How many messages of one peer are remembered; what reads goes first, then what came first.
  public var rememberedPerPeer = 32
  /// What is remembered of all peers' messages and their answers, in bytes, an entry for `rememberedEntryBytes`. Those peers
  /// forget first that were not heard for the longest time.
  public var rememberedBytes = 256 * 1024
  /// Requests of ours that wait for a response, or that observe.
  public var requests = 256
  /// Messages of ours that are not acknowledged yet.
  public var deliveries = 512
  /// Confirmable requests under work that are not acknowledged yet; others are refused for the moment.
  public var pendingRequests = 256
  /// Answers to multicast requests that wait for their time.
  public var delayedAnswers = 32

  /// The critical options that what is above understands; others are answered with 4.02.
  public var criticalOptions = CoAPOptionNumber.usualCriticalOptions

  /// What a remembered message takes itself, about.
  static let rememberedEntryBytes = 32
  /// What a response with a block has besides it, at most: header, token, ETag, format, Block2, Size2, marker.
  static let blockOverheadBytes: UInt64 = 4 + 8 + 9 + 3 + 4 + 5 + 1
  /// How many challenges in a row a client answers for one request.
  static let maximumEchoes = 3

  public init() {}
}
