import { nodeBackend, webBackend } from '../test-support/backends.ts'
import { describeCryptoBackend } from '../test-support/crypto-backend-contract.ts'
import { CryptoPool } from './crypto-pool.ts'

describeCryptoBackend('keys-node', nodeBackend, webBackend)
describeCryptoBackend('CryptoPool', { ...nodeBackend, crypto: new CryptoPool({ atOnce: 0 }).crypto }, webBackend)
