/** What to do next, by error code. One table, so that the same trouble gets the same advice everywhere. */
const BY_CODE: Readonly<Record<string, string>> = {
  ERR_ADMIN_SOCKET_MISSING:
    'start the server with `countersign server run --config FILE`, or name its socket with --admin-socket or COUNTERSIGN_ADMIN_SOCKET',
  ERR_ADMIN_SOCKET_REFUSED:
    'the socket is a leftover of a server that has ended: start it again, or name another socket',
  ERR_ADMIN_SOCKET_DENIED:
    'run this command as the user that runs the server, or have the socket opened to you (`admin.socketMode`) and a role granted',
  ERR_ADMIN_SOCKET_TIMEOUT: 'look at the log of the server; it may be overloaded or waiting for its database',
  ERR_ADMIN_SOCKET_FAILED: 'check that the path is a Unix socket of a running server',
  ERR_ADMIN_SOCKET_ANSWER: 'check that --admin-socket names a countersign server and that both have the same version',

  ERR_ADMIN_SERVER_URL: 'give the URL of the machine listener, which `countersign server run` logs when it starts',
  ERR_ADMIN_SERVER_UNREACHABLE: 'check the address and port of --server: it is the machine listener, 8441 by default',
  ERR_ADMIN_SERVER_IDENTITY:
    'check --server and --server-id; a bundle in --server-bundle may be out of date: `countersign bundle show --format spiffe`',
  ERR_ADMIN_SERVER_TIMEOUT: 'look at the log of the server; it may be overloaded or waiting for its database',
  ERR_ADMIN_SERVER_ANSWER: 'check that --server names the machine listener, and that both have the same version',
  ERR_ADMIN_NO_ROLE: 'ask an admin for a role: `countersign role grant ROLE --prefix PATH`, with your identity',
  ERR_ADMIN_FORBIDDEN:
    'ask an admin for that role, or for one that reaches further: `countersign role grant ROLE --prefix PATH`',
  ERR_ADMIN_CERTIFICATE:
    'the node may be banned, or the identity from a trust domain whose bundle the server does not have',
  ERR_ADMIN_TOKEN: 'get a new token, for the audience that `admin.oidc` of the server names',
  ERR_ADMIN_TOKEN_KEYS: 'look at the log of the server: it says why the keys of the issuer cannot be had',
  ERR_ADMIN_NO_CREDENTIAL: 'give a token by --token-file, or run where there is a Workload API',

  ERR_OPERATOR_SOCKET_MISSING:
    'start the agent with `countersign agent run --config FILE`, or name its socket (operator.sock in its dataDir) with --operator-socket or COUNTERSIGN_OPERATOR_SOCKET; `operator.enabled: false` switches it off',
  ERR_OPERATOR_SOCKET_REFUSED:
    'the socket is a leftover of an agent that has ended: start it again, or name another socket',
  ERR_OPERATOR_SOCKET_DENIED: 'run this command as root or as the user that runs the agent',
  ERR_OPERATOR_SOCKET_TIMEOUT: 'look at the log of the agent; one of its attestors may be hanging',
  ERR_OPERATOR_SOCKET_FAILED: 'check that the path is the operator socket of a running agent',
  ERR_OPERATOR_SOCKET_ANSWER:
    "check that --operator-socket names an agent's operator socket, not its Workload API, and that both have the same version",
  ERR_OPERATOR_PEER: 'run this command as root or as the user that runs the agent',
  ERR_LOG_COMPONENT: '`log-level get` lists the components',
  ERR_OPERATOR_NO_PROCESS:
    "give the pid as the agent's host counts it: a program in a container has another one there, which `lsns -t pid` or the container engine tells",
  ERR_OPERATOR_PROCESS_GONE: 'find the pid again: the program may have been started anew',
  ERR_OPERATOR_THREAD: 'give the pid of the process, as `ps` shows it',
  ERR_OPERATOR_PID_NAMESPACE: "run the command where the agent runs, with the pid as the agent's host counts it",

  ERR_CLI_FILE_NOT_FOUND: 'check the path; relative paths start at the current folder',
  ERR_CLI_FILE_UNREADABLE: 'check who may read the file',
  ERR_CLI_FILE_TOO_LARGE: 'check that this is the file you meant',
  ERR_CLI_FILE_MALFORMED: 'check that this is the file you meant; `countersign inspect FILE` says what it holds',
  ERR_CLI_FILE_NOT_WRITABLE: 'name a folder that you may write to',
  ERR_CLI_FILE_EXISTS: 'choose another name; a file is never overwritten',

  ERR_STORE_LOCKED: 'stop the other server, or the command that uses this data folder',
  ERR_STORE_CORRUPT:
    'keep a copy of the data folder, then restore the newest backup: `countersign server restore --from FILE --data-dir FOLDER --force`; `countersign server doctor --config FILE` says more',
  ERR_STORE_UNWRITABLE:
    'check the space left, the mount and who may write: `countersign server doctor --config FILE` says which it is',
  ERR_KEY_MANAGER_UNWRITABLE:
    'check the space left, the mount and who may write: `countersign server doctor --config FILE` says which it is',
  ERR_STORE_MARK:
    'restore the data folder from a backup; or, if you know that its store is the newest, delete the file `high-water`',
  ERR_SERVER_RESTORE_UNFINISHED: 'run the same `countersign server restore` again: it goes on where it was',
  ERR_HOLD_RESTORED: '`countersign server doctor --config FILE` says why; `countersign server resume restore` ends it',
  ERR_HOLD_CLOCK: 'set the clock; if it is right as it is, run `countersign server resume clock`',
  ERR_HOLD_NONE: '`countersign server doctor --config FILE` shows what is on hold',
  ERR_BACKUP_TARGET_NOT_EMPTY: 'name an empty folder, or add --force: what is there is moved aside then',
  ERR_BACKUP_TARGET_IN_USE: 'stop the server, then run this again',
  ERR_BACKUP_PASSPHRASE: 'name the file with its passphrase; if that is right, the backup is damaged: take another one',
  ERR_BACKUP_FORMAT: 'take another backup; nothing was changed',
  ERR_BACKUP_VERSION: 'run the version of countersign that made the backup, or a later one',
  ERR_BACKUP_UNWRITABLE: 'check the space left and who may write, then run this again',
  ERR_BACKUP_SOURCE: '`countersign server doctor --config FILE` says what is wrong with the data',

  ERR_CLI_INTERNAL: 'this is a fault of countersign itself: please report it with the command you ran',

  ERR_TELEMETRY_ADDRESS: 'name a free address of this host in `telemetry`',
  ERR_TELEMETRY_PACKAGE:
    'install the package beside countersign, or remove `tracing` from the configuration: docs/guides/observability.md',

  ERR_CONFIG_NOT_FOUND: 'name the configuration file with --config',
  ERR_CONFIG_SYNTAX: 'the file must be YAML; check indentation near the line named',
  ERR_CONFIG_UNKNOWN_KEY: 'remove the key or correct its name, then run `validate` again',
  ERR_CONFIG_INVALID: 'correct the value at the path named, then run `validate` again',
  ERR_CONFIG_VARIABLE: 'set the environment variable, or give it a default, as the configuration reference shows',

  ERR_ENDPOINT_MISSING: 'pass --socket, or set SPIFFE_ENDPOINT_SOCKET as in unix:///run/countersign/workload.sock',
  ERR_WORKLOAD_API_UNAVAILABLE:
    'start the agent with `countersign agent run --config FILE`, or name its socket with --socket',
  ERR_WORKLOAD_API_DENIED:
    'create an entry whose selectors fit this program: on its host, `countersign agent explain --pid PID` says which are missing',
  ERR_WORKLOAD_API_UNIMPLEMENTED: 'this agent does not offer it; `countersign agent run` does',
  ERR_WORKLOAD_API_CANCELLED: 'the agent did not answer in time: look at its log',

  ERR_BROKER_API_UNAVAILABLE:
    'check that `broker` is set in the configuration of the agent, and name its address with --broker-socket; the log of the agent tells of refused connections',
  ERR_BROKER_API_DENIED: 'name this program in `broker.brokers` of the configuration of the agent',
  ERR_BROKER_API_NOT_ENTITLED:
    'create an entry for that process, and list its identity in `broker.brokers[].identities`; the log of the agent tells which it is',
  ERR_BROKER_API_NOT_FOUND: 'check that the process runs on the host of the agent, and its id as seen from there',
  ERR_BROKER_API_IDENTITY: 'federate with the trust domain of the agent, if it is another one',

  ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN: 'check that the bundle is for the trust domain in the subject',
  ERR_CREDENTIAL_KEY_UNKNOWN: 'get a newer bundle: the signing key may have been rotated since',
  ERR_CREDENTIAL_EXPIRED: 'fetch a new one; if it is new, compare the clocks of both machines',
  ERR_CREDENTIAL_TYPE: 'check --type; `countersign inspect` says what it is',
  ERR_PROOF_AUDIENCE: '--audience must be the URL the proof was made for, without query',
  ERR_PROOF_EXPIRED: 'a proof is good for one request within seconds or minutes: make a new one',
  ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN: 'check that the bundle is for the trust domain of the certificate',

  ERR_INSPECT_PRIVATE_KEY: 'inspect the certificate or the public key instead; a private key is never printed',
  ERR_INSPECT_UNRECOGNIZED:
    'give a token, a PEM or DER certificate, a JWK, a JWK Set or a bundle, as text, as a file name, or - for standard input',
  ERR_INSPECT_MALFORMED: 'check that it was copied whole and without line breaks',

  ERR_CLOUD_ISSUER:
    'set `svids.jwtIssuer` of the server to an https URL at which the cloud finds the public listener, as docs/guides/cloud.md says',
  ERR_CLOUD_SUBJECT: 'register the program under a shorter SPIFFE ID',
  ERR_CLOUD_ALGORITHM:
    'set `authorities.jwtAlgorithm` of the server to RS256, which all clouds take; it is that of the next key, which `countersign authority prepare jwt` makes',
  ERR_CLOUD_LIFETIME: 'shorten `svids.jwtTtl` of the server, or the --jwt-svid-ttl of the entry',
  ERR_CLOUD_ARGUMENT: 'choose another path or name, or write that part of the file by hand',
  ERR_CLOUD_DISCOVERY:
    'fetch /.well-known/openid-configuration below the issuer with curl, and compare it with `svids.jwtIssuer` of the server',
  ERR_CLOUD_AUDIENCE: 'let a library of Google run it, by a file that `countersign cloud gcp config` made',
  ERR_CLOUD_EXECUTABLE: 'let a library of Google run it, by a file that `countersign cloud gcp config` made',
  ERR_CLOUD_UNREACHABLE: 'check the address, the way there, and the certificate authorities: --ca-file names others',
  ERR_CLOUD_ANSWER: 'check that the URL is that of the cloud, and not of a proxy that answers by itself',
  ERR_CLOUD_REFUSED:
    'compare the trust policy of the role with `iss`, `aud` and `sub` of a token, which `countersign inspect` shows; IAM must have the issuer as a provider and reach it',

  ERR_CONFORMANCE_FORMAT: 'the format is countersign-conformance/v1; correct the file at the place named',
  ERR_DEMO_NOT_RUNNING: 'start one in another terminal with `npm start`',
  ERR_DEMO_PROGRAM_FAILED: 'run the demo again; if it fails again, its log says why',
  ERR_DEMO_TIMEOUT: 'this machine may be very busy: run the demo again',

  ERR_FEDERATION_ADDRESS:
    'if the endpoint is meant to be there, allow it: `countersign federation update TRUST-DOMAIN --allow-address ADDRESS`',
  ERR_FEDERATION_NO_BUNDLE:
    "give the bundle of the endpoint's trust domain once: `countersign bundle set TRUST-DOMAIN --file FILE`",

  ERR_SDK_NO_IDENTITY:
    'start the agent and create an entry whose selectors fit this program: `countersign agent explain --pid PID` says which are missing; or name a token of the platform with --assertion-file',
  ERR_SDK_NO_TOKENS: 'this agent issues no identity tokens: use --authentication jwt-svid',
  ERR_SDK_METADATA:
    'check --issuer, byte for byte; a certificate authority of your own is named in NODE_EXTRA_CA_CERTS; --token-endpoint is for services without metadata',
  ERR_SDK_TOKEN_SERVICE:
    'check the address and whether it can be reached; a certificate authority of your own is named in NODE_EXTRA_CA_CERTS',
  ERR_SDK_TOKEN_FILE: 'check the path, and that the file holds one token and nothing else',
  ERR_SDK_TOKEN_REFUSED: 'look at the audit of the server: its event token.refused says what did not hold',
  ERR_SDK_TOKEN_RESPONSE: 'check that --issuer is the token service you meant; `--dpop-key` needs one that knows DPoP',
  ERR_SDK_REQUEST: '`countersign exchange --help` shows which options go together',

  ERR_CONFORMANCE_UNREACHABLE:
    'start the agent, or name its socket with --socket or SPIFFE_ENDPOINT_SOCKET; the socket must be open to this user',
  ERR_CONFORMANCE_NO_IDENTITY:
    'register an entry whose selectors fit this process (its user, for example), wait until the agent has it, and run again',
  ERR_CONFORMANCE_NO_CASES: 'name files or folders that hold *.json in the format countersign-conformance/v1',
}

/** For codes with no line of their own: the area tells where to look. */
const BY_AREA: readonly (readonly [prefix: string, hint: string])[] = [
  ['ERR_CONFIG_', 'correct the configuration, then run `validate` again'],
  [
    'ERR_UPSTREAM_AUTHORITY_',
    '`countersign authority list` says how the upstream does; its plugin is in the configuration',
  ],
  ['ERR_AUTHORITY_', '`countersign authority list` shows every key, its state and who still uses it'],
  ['ERR_IDENTIFIER_', 'an identifier looks like spiffe://example.org/service/name'],
  ['ERR_ENDPOINT_', 'an address looks like unix:///run/countersign/workload.sock'],
  ['ERR_WORKLOAD_API_', 'look at the log of the agent'],
  ['ERR_BROKER_API_', 'look at the log of the agent'],
  ['ERR_BUNDLE_', 'get the bundle again, for example with `countersign bundle show --format spiffe`'],
]

/** Advice for an error code, or `undefined` when there is none beyond the message. */
export function hintFor(code: string): string | undefined {
  if (Object.hasOwn(BY_CODE, code)) return BY_CODE[code]
  return BY_AREA.find(([prefix]) => code.startsWith(prefix))?.[1]
}
