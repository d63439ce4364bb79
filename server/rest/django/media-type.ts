/**
 * Whether one of the types that a client accepts is JSON, the only one there is. Weights do not count, not even zero;
 * no header is anything at all (rest-v1 §2.3).
 */
export function acceptsJson(accept: string | undefined): boolean {
  return (accept ?? '*/*').split(',').some((type) => mediaTypeMatches('application/json', type))
}

/** Whether a media type is what a header names, whose `*` stands for any type or subtype; parameters do not count. */
export function mediaTypeMatches(type: string, header: string): boolean {
  if (header === type || header === '*/*') return true
  const [wantedMain, wantedSub] = typeAndSubtype(type)
  const [main, sub] = typeAndSubtype(header)
  return (main === '*' || main === wantedMain) && (sub === '*' || sub === wantedSub)
}

function typeAndSubtype(header: string): [string, string] {
  const [type = ''] = header.split(';', 1)
  const [main = '', ...sub] = type.trim().toLowerCase().split('/')
  return [main, sub.join('/')]
}
