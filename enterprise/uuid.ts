/** A UUID in either case, with or without its hyphens, as a regular expression of a whole text. */
export const UUID_FORM = '^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$'

const UUID = new RegExp(UUID_FORM)

/** The form in which PostgreSQL shows a UUID, whatever its version; null for any other text. */
export function canonicalUuid(text: string): string | null {
  if (!UUID.test(text)) return null
  const hex = text.replaceAll('-', '').toLowerCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
