import { CertificateError } from './certificate-error.ts'
import { type DerElement, malformed } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { DerWriter, derSize } from './der-writer.ts'

/** 1950-01-01 and the last second of 9999: what certificates can say. RFC 5280 section 4.1.2.5. */
const MIN_SECONDS = -631_152_000
const MAX_SECONDS = 253_402_300_799
/** First year that is written with four digits. */
const GENERALIZED_FROM_YEAR = 2050

/**
 * Encodes whole epoch seconds: UTCTime through 2049, GeneralizedTime from 2050.
 *
 * @throws CertificateError `ERR_CERTIFICATE_VALIDITY` when not a whole number, or outside 1950 to 9999
 * @see RFC 5280 section 4.1.2.5
 */
export function encodeTime(seconds: number): Uint8Array {
  if (!Number.isInteger(seconds) || seconds < MIN_SECONDS || seconds > MAX_SECONDS) {
    throw new CertificateError('ERR_CERTIFICATE_VALIDITY', 'time is not a whole second from 1950 to 9999')
  }
  const digits = new Date(seconds * 1000).toISOString().slice(0, 19).replace(/\D/g, '')
  const isGeneralized = Number(digits.slice(0, 4)) >= GENERALIZED_FROM_YEAR
  const text = `${isGeneralized ? digits : digits.slice(2)}Z`
  return new DerWriter(derSize(text.length))
    .header(isGeneralized ? DerTag.generalizedTime : DerTag.utcTime, text.length)
    .ascii(text)
    .finish()
}

/** Remembers the last time it encoded: certificates issued in one second share their times. */
export class TimeEncoder {
  #seconds = Number.NaN
  #encoded: Uint8Array = new Uint8Array()

  encode(seconds: number): Uint8Array {
    if (seconds !== this.#seconds) {
      this.#encoded = encodeTime(seconds)
      this.#seconds = seconds
    }
    return this.#encoded
  }
}

/**
 * The epoch seconds of a UTCTime or GeneralizedTime in the only form certificates may use: seconds, no fraction, UTC,
 * and the type that fits the year.
 *
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED`
 */
export function decodeTime(element: DerElement): number {
  const { tag, content } = element
  switch (tag) {
    case DerTag.utcTime: {
      const year = twoDigits(content, 0)
      // RFC 5280 section 4.1.2.5.1: two digits from 50 on are of the last century.
      return epochSeconds(year + (year >= 50 ? 1900 : 2000), content, 2)
    }
    case DerTag.generalizedTime: {
      const year = twoDigits(content, 0) * 100 + twoDigits(content, 2)
      if (year < GENERALIZED_FROM_YEAR) throw malformed('time before 2050 is not UTCTime')
      return epochSeconds(year, content, 4)
    }
    default:
      throw malformed('validity is not a time')
  }
}

const UPPER_Z = 0x5a
const DIGIT_0 = 0x30

/** Reads month, day, hour, minute, second and the letter Z, which must be all that is left. */
function epochSeconds(year: number, content: Uint8Array, start: number): number {
  const month = twoDigits(content, start)
  const day = twoDigits(content, start + 2)
  const hour = twoDigits(content, start + 4)
  const minute = twoDigits(content, start + 6)
  const second = twoDigits(content, start + 8)
  if (content.length !== start + 11 || content[start + 10] !== UPPER_Z) throw malformed('time does not end with Z')
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second)
  // Date.UTC turns the 31st of February into the 3rd of March.
  const isReal = month >= 1 && month <= 12 && hour < 24 && minute < 60 && second < 60
  if (!isReal || new Date(milliseconds).getUTCDate() !== day) throw malformed('time does not exist')
  return milliseconds / 1000
}

function twoDigits(content: Uint8Array, start: number): number {
  const tens = (content[start] ?? 0) - DIGIT_0
  const ones = (content[start + 1] ?? 0) - DIGIT_0
  if (!(tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)) throw malformed('time has something other than digits')
  return tens * 10 + ones
}
