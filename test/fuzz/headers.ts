import fc from 'fast-check'
import { odd } from '../support/hostile.ts'

const header = fc.oneof(
  fc.tuple(
    fc.constantFrom('authorization', 'accept', 'content-type', 'x-edx-api-key', 'use-jwt-cookie', 'cookie', 'origin'),
    fc.oneof(
      fc.constantFrom('JWT a.b.c', 'Bearer', 'Bearer x', 'JWT ..', '*/*', 'a/b;c="d', ',', 'null', 'true', 'text/html'),
      odd,
    ),
  ),
  fc.tuple(
    fc.constantFrom('x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'host', 'referer'),
    fc.oneof(
      fc.constantFrom(
        '8.8.8.8',
        '::ffff:1.2.3.4',
        '1.2.3.4, 5.6.7.8',
        '[::1]:80',
        'https',
        'https://learning.example.org/',
      ),
      fc.constantFrom('a:b:c', ':', '%', 'https,http', '999.1.1.1', ','.repeat(50), 'evil.example', '[', '@'),
      odd,
    ),
  ),
  fc.tuple(
    fc.constantFrom('x-csrftoken', 'cookie'),
    fc.constantFrom(
      'a'.repeat(32),
      'Q'.repeat(64),
      'csrftoken=',
      `csrftoken=${'%'.repeat(32)}`,
      'edx-jwt-cookie-header-payload=a.b; edx-jwt-cookie-signature=c',
      'edx-jwt-cookie-header-payload=%ff; edx-jwt-cookie-signature=%',
      '=; ;;=a; __proto__=b; constructor=c',
    ),
  ),
  fc.tuple(fc.constantFrom('access-control-request-method', 'x-http-method-override', 'range', 'if-match'), odd),
)

/** Headers beside those of the caller: none, or some that nobody should trust. */
export const headers = fc
  .oneof(
    { weight: 3, arbitrary: fc.constant([] as [string, string][]) },
    { weight: 2, arbitrary: fc.array(header, { minLength: 1, maxLength: 3 }) },
  )
  .map((chosen) => Object.fromEntries(chosen.map(([name, value]) => [name, sendable(value)])))

/** Without what an HTTP client refuses to send: control characters, and everything beyond Latin-1. */
function sendable(value: string): string {
  return value.replaceAll(/[^\t\u0020-\u007E\u0080-\u00FF]/g, '').trim()
}
