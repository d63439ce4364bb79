/** Reads Avro's binary encoding by its specification alone, independent of what wrote it. */
export interface AvroReader {
  long(): number
  boolean(): boolean
  string(): string
  /** A union of null and another type. */
  optional<T>(read: () => T): T | null
  /** Bytes that nobody has read. */
  left(): number
}

export function avroReader(bytes: Buffer): AvroReader {
  let at = 0
  const byte = () => {
    const value = bytes[at]
    if (value === undefined) throw new RangeError('The record ends too early')
    at += 1
    return value
  }
  const long = () => {
    let [value, factor] = [0, 1]
    for (;;) {
      const next = byte()
      value += (next & 0x7f) * factor
      if (next < 0x80) break
      factor *= 128
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  return {
    long,
    boolean: () => byte() === 1,
    string() {
      const length = long()
      if (at + length > bytes.length) throw new RangeError('The record ends too early')
      at += length
      return bytes.toString('utf8', at - length, at)
    },
    optional: (read) => (long() === 0 ? null : read()),
    left: () => bytes.length - at,
  }
}

/** Reads the record of an event about an enrollment (events.md §4). */
export function decodeEnrollment(bytes: Buffer) {
  const read = avroReader(bytes)
  const user = () => ({
    id: read.long(),
    is_active: read.boolean(),
    pii: { username: read.string(), email: read.string(), name: read.string() },
  })
  const enrollment = {
    user: user(),
    course: {
      course_key: read.string(),
      display_name: read.string(),
      start: read.optional(read.string),
      end: read.optional(read.string),
    },
    mode: read.string(),
    is_active: read.boolean(),
    creation_date: read.string(),
    created_by: read.optional(user),
  }
  if (read.left() > 0) throw new RangeError('The record is longer than its fields')
  return enrollment
}
