/// The integer keys of all maps that the agent's messages are made of (docs/PROTOCOL.md).
///
/// One number means one thing wherever it stands; numbers are never used again for something else.
public enum APIKey: UInt64, CaseIterable, Sendable {
  // What is asked for: a container.
  case name = 1
  case root = 2
  case command = 3
  case environment = 4
  case workingDirectory = 5
  case user = 6
  case group = 7
  case hostname = 8
  case readOnlyRoot = 9
  case network = 10
  case userNamespace = 11
  case mounts = 12
  case source = 13
  case target = 14
  case readOnly = 15
  case memoryBytes = 16
  case processes = 17
  case cpuMillis = 18
  case logBytes = 19
  case restart = 20
  case removesWhenEnded = 21
  case graceMilliseconds = 22

  // What is so: a container's state.
  case id = 30
  case phase = 31
  case wanted = 32
  case process = 33
  case starts = 34
  case restarts = 35
  case end = 36
  case exitCode = 37
  case reason = 38
  case createdSeconds = 39
  case startedSeconds = 40
  case endedSeconds = 41
  case request = 42

  // What it uses.
  case memoryUsedBytes = 50
  case memoryPeakBytes = 51
  case processCount = 52
  case cpuNanoseconds = 53
  case outOfMemoryKills = 54
  case diskUsedBytes = 55
  /// Whatever has an inode.
  case fileCount = 56
  case files = 57

  // Logs: bytes from an offset since the container was made, and whether more can come.
  case offset = 60
  case data = 61
  case isEnd = 62

  // A launch plan.
  case agentSteps = 70
  case childSteps = 71
  case agentPlan = 72
  case childPlan = 73
  case mounterSteps = 74
  case mounterPlan = 75

  // The node.
  case version = 80
  case kernel = 81
  case cgroupVersion = 82
  case store = 83
  case notices = 84
  case containerCount = 85
  case uptimeSeconds = 86
  case instructionSet = 87
  case agentProcess = 88
  case keeperProcess = 89
  case memoryTotalBytes = 90
  case memoryAvailableBytes = 91
  case agentStarts = 92
  case memoryOfferBytes = 93
  case memoryReservedBytes = 94
  case storeProcess = 95
  case diskBudgets = 96

  // The neighbours, and what they offer: in answers to searches, `isCut` tells that there is more.
  case nodes = 100
  case services = 101
  case isCut = 102
  case brokenTags = 103
  case address = 104
  case sources = 105
  case isAlive = 106
  case microcloud = 107
  /// In percent.
  case quality = 108
  case serviceCount = 109
  case isa = 110
  case fingerprint = 111
  case memoryFreeBytes = 112
  case coapPort = 113
  case standing = 114
  case type = 115
  case description = 116
  case node = 117
  case host = 118
  case port = 119
  case text = 120

  // What this node itself offers, and where it is a member.
  case publications = 121
  case container = 122
  case announced = 123
  case memberships = 124
  case membership = 125
  case members = 126
  case status = 127

  // Leases.
  case lease = 128
  case requestID = 129
  case durationSeconds = 130
  case priority = 131
  case diskBytes = 132
  case containers = 133
  case holder = 134
  case generation = 135
  case remainingSeconds = 136
  case used = 137
  case isDraining = 138

  // What the node gives, and on what terms.
  case offered = 139
  case leased = 140
  case left = 141
  case abilities = 142
  case leaseTo = 143
  case longestSeconds = 144
  case mostHeld = 145
  case zone = 146
  case guifiNode = 147
  case contact = 148

  // Images, and the blobs that they are brought in.
  case sizeBytes = 165
  case have = 166
  case isComplete = 167
  case manifest = 168
  case image = 169
  case layers = 170
  case entrypoint = 171
  case stopSignal = 172
  case usedBy = 173
  case sentBytes = 174
  case repeatedBytes = 175
  case foundBytes = 176
  case runsAs = 177
  case firstID = 178
  /// A signal's number.
  case endsWith = 179
  /// A program is run whatever it needs of a processor.
  case anyISA = 180

  // Whom it belongs to.
  case owner = 190
  case isConfigured = 191
  case claimableSeconds = 192

  // Who did what.
  case number = 193
  case role = 194
  case deed = 195
  case refusal = 196

  // What has happened.
  case event = 200
  case atSeconds = 201
  case events = 202
  case next = 203

  // How the node is set up.
  case settings = 204
  case given = 225
  case pending = 226
  case changes = 227

  // As whom an image's program runs, by number.
  case userID = 210
  case groupID = 211

  // What is run in a container beside its program, and what it wrote.
  case timeLimitMilliseconds = 215
  case output = 216
  case errors = 217
  case cutBytes = 218

  // Of a container: none of its processes gets to run.
  case paused = 219

  // How it is reached in the network "bridge".
  case ports = 220
  case targetPort = 221
  case transport = 222
  case addresses = 223
  case uploadBits = 224
  case downloadBits = 228

  // How often the board was started, and how that ended.
  case boots = 230
  case resets = 231
  case lastReset = 232

  // A container's processes.
  case running = 233
  /// Its number in the container.
  case insideProcess = 234
  case state = 235

  // Whether a container is well.
  case healthCheck = 236
  case intervalMilliseconds = 237
  case retries = 238
  case startMilliseconds = 239
  case kills = 243
  case health = 244
  case healthReason = 245

  // An exec that somebody attends.
  case input = 240
  case rows = 241
  case columns = 242

  /// The name by which `microctl --json` and the documents call it.
  public var name: String {
    switch self {
    case .name: "name"
    case .root: "root"
    case .command: "command"
    case .environment: "environment"
    case .workingDirectory: "workingDirectory"
    case .user: "user"
    case .group: "group"
    case .hostname: "hostname"
    case .readOnlyRoot: "readOnlyRoot"
    case .network: "network"
    case .userNamespace: "userNamespace"
    case .mounts: "mounts"
    case .source: "source"
    case .target: "target"
    case .readOnly: "readOnly"
    case .memoryBytes: "memoryBytes"
    case .processes: "processes"
    case .cpuMillis: "cpuMillis"
    case .logBytes: "logBytes"
    case .restart: "restart"
    case .removesWhenEnded: "removesWhenEnded"
    case .graceMilliseconds: "graceMilliseconds"
    case .id: "id"
    case .phase: "phase"
    case .wanted: "wanted"
    case .process: "process"
    case .starts: "starts"
    case .restarts: "restarts"
    case .end: "end"
    case .exitCode: "exitCode"
    case .reason: "reason"
    case .createdSeconds: "createdSeconds"
    case .startedSeconds: "startedSeconds"
    case .endedSeconds: "endedSeconds"
    case .request: "request"
    case .memoryUsedBytes: "memoryUsedBytes"
    case .memoryPeakBytes: "memoryPeakBytes"
    case .processCount: "processCount"
    case .cpuNanoseconds: "cpuNanoseconds"
    case .outOfMemoryKills: "outOfMemoryKills"
    case .diskUsedBytes: "diskUsedBytes"
    case .fileCount: "fileCount"
    case .files: "files"
    case .offset: "offset"
    case .data: "data"
    case .isEnd: "isEnd"
    case .agentSteps: "agentSteps"
    case .childSteps: "childSteps"
    case .agentPlan: "agentPlan"
    case .childPlan: "childPlan"
    case .mounterSteps: "mounterSteps"
    case .mounterPlan: "mounterPlan"
    case .version: "version"
    case .kernel: "kernel"
    case .cgroupVersion: "cgroupVersion"
    case .store: "store"
    case .notices: "notices"
    case .containerCount: "containerCount"
    case .uptimeSeconds: "uptimeSeconds"
    case .instructionSet: "instructionSet"
    case .agentProcess: "agentProcess"
    case .keeperProcess: "keeperProcess"
    case .memoryTotalBytes: "memoryTotalBytes"
    case .memoryAvailableBytes: "memoryAvailableBytes"
    case .agentStarts: "agentStarts"
    case .memoryOfferBytes: "memoryOfferBytes"
    case .memoryReservedBytes: "memoryReservedBytes"
    case .storeProcess: "storeProcess"
    case .diskBudgets: "diskBudgets"
    case .nodes: "nodes"
    case .services: "services"
    case .isCut: "isCut"
    case .brokenTags: "brokenTags"
    case .address: "address"
    case .sources: "sources"
    case .isAlive: "isAlive"
    case .microcloud: "microcloud"
    case .quality: "quality"
    case .serviceCount: "serviceCount"
    case .isa: "isa"
    case .fingerprint: "fingerprint"
    case .memoryFreeBytes: "memoryFreeBytes"
    case .coapPort: "coapPort"
    case .standing: "standing"
    case .type: "type"
    case .description: "description"
    case .node: "node"
    case .host: "host"
    case .port: "port"
    case .text: "text"
    case .publications: "publications"
    case .container: "container"
    case .announced: "announced"
    case .memberships: "memberships"
    case .membership: "membership"
    case .members: "members"
    case .status: "status"
    case .lease: "lease"
    case .requestID: "requestID"
    case .durationSeconds: "durationSeconds"
    case .priority: "priority"
    case .diskBytes: "diskBytes"
    case .containers: "containers"
    case .holder: "holder"
    case .generation: "generation"
    case .remainingSeconds: "remainingSeconds"
    case .used: "used"
    case .isDraining: "isDraining"
    case .offered: "offered"
    case .leased: "leased"
    case .left: "left"
    case .abilities: "abilities"
    case .leaseTo: "leaseTo"
    case .longestSeconds: "longestSeconds"
    case .mostHeld: "mostHeld"
    case .zone: "zone"
    case .guifiNode: "guifiNode"
    case .contact: "contact"
    case .sizeBytes: "sizeBytes"
    case .have: "have"
    case .isComplete: "isComplete"
    case .manifest: "manifest"
    case .image: "image"
    case .layers: "layers"
    case .entrypoint: "entrypoint"
    case .stopSignal: "stopSignal"
    case .usedBy: "usedBy"
    case .sentBytes: "sentBytes"
    case .repeatedBytes: "repeatedBytes"
    case .foundBytes: "foundBytes"
    case .runsAs: "runsAs"
    case .firstID: "firstID"
    case .endsWith: "endsWith"
    case .anyISA: "anyISA"
    case .owner: "owner"
    case .isConfigured: "isConfigured"
    case .claimableSeconds: "claimableSeconds"
    case .number: "number"
    case .role: "role"
    case .deed: "deed"
    case .refusal: "refusal"
    case .event: "event"
    case .atSeconds: "atSeconds"
    case .events: "events"
    case .next: "next"
    case .settings: "settings"
    case .given: "given"
    case .pending: "pending"
    case .changes: "changes"
    case .userID: "userID"
    case .groupID: "groupID"
    case .timeLimitMilliseconds: "timeLimitMilliseconds"
    case .output: "output"
    case .errors: "errors"
    case .cutBytes: "cutBytes"
    case .paused: "paused"
    case .ports: "ports"
    case .targetPort: "targetPort"
    case .transport: "transport"
    case .addresses: "addresses"
    case .uploadBits: "uploadBits"
    case .downloadBits: "downloadBits"
    case .boots: "boots"
    case .resets: "resets"
    case .lastReset: "lastReset"
    case .running: "running"
    case .insideProcess: "insideProcess"
    case .state: "state"
    case .healthCheck: "healthCheck"
    case .intervalMilliseconds: "intervalMilliseconds"
    case .retries: "retries"
    case .startMilliseconds: "startMilliseconds"
    case .kills: "kills"
    case .health: "health"
    case .healthReason: "healthReason"
    case .input: "input"
    case .rows: "rows"
    case .columns: "columns"
    }
  }
}
