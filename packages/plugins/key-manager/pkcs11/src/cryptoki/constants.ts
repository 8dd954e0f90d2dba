/** Numbers of PKCS #11 2.40, as far as they are used here. */

/** CKR_OK. */
export const OK = 0

export const SESSION_FLAGS = { RW_SESSION: 0x2, SERIAL_SESSION: 0x4 } as const
export const OS_LOCKING_OK = 0x2
/** CKU_USER. */
export const USER = 1

/** Of a token. */
export const TOKEN_FLAGS = {
  LOGIN_REQUIRED: 0x4,
  TOKEN_INITIALIZED: 0x400,
  USER_PIN_FINAL_TRY: 0x20000,
  USER_PIN_LOCKED: 0x40000,
} as const

/** CKO_. */
export const OBJECT_CLASS = { PUBLIC_KEY: 2, PRIVATE_KEY: 3 } as const

/** CKK_. */
export const KEY_TYPE = { RSA: 0, EC: 3 } as const

/** CKA_. */
export const ATTRIBUTE = {
  CLASS: 0x0,
  TOKEN: 0x1,
  PRIVATE: 0x2,
  LABEL: 0x3,
  KEY_TYPE: 0x100,
  ID: 0x102,
  SENSITIVE: 0x103,
  DECRYPT: 0x105,
  UNWRAP: 0x107,
  SIGN: 0x108,
  VERIFY: 0x10a,
  DERIVE: 0x10c,
  MODULUS: 0x120,
  MODULUS_BITS: 0x121,
  PUBLIC_EXPONENT: 0x122,
  EXTRACTABLE: 0x162,
  EC_PARAMS: 0x180,
  EC_POINT: 0x181,
} as const

/** CKM_. */
export const MECHANISM = {
  RSA_PKCS_KEY_PAIR_GEN: 0x0,
  SHA256_RSA_PKCS: 0x40,
  EC_KEY_PAIR_GEN: 0x1040,
  ECDSA: 0x1041,
} as const
