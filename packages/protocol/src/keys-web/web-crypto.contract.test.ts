import { nodeBackend, webBackend } from '../test-support/backends.ts'
import { describeCryptoBackend } from '../test-support/crypto-backend-contract.ts'

describeCryptoBackend('keys-web', webBackend, nodeBackend)
