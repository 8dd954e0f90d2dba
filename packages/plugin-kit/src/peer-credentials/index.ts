/** Who connected a Unix socket: for programs that decide by it. Loads a native library on first use. */
export { loadLibc } from './load-libc.ts'
export { descriptorOf, getPeerCredentials, openPeerPidfd, type PeerCredentials } from './peer-credentials.ts'
