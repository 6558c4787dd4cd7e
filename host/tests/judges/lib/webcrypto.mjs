// jose expects the global that Node 20 has and Node 18 hides behind a flag. Import this before jose.
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto
