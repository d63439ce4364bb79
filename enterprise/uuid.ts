const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/** The form in which PostgreSQL shows a UUID, whatever its version; null for any other text. */
export function canonicalUuid(text: string): string | null {
  if (!UUID.test(text)) return null
  const hex = text.replaceAll('-', '').toLowerCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
