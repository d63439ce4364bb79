import { describe, expect, test } from 'vitest'
import { EnrollmentError } from '../../../core/errors.ts'
import { addressRule } from '../../../core/webhook/address.ts'
import { endpointUrl } from '../../../core/webhook/url.ts'

function accepted(text: string, allowedNetworks: string[] = []): string {
  return endpointUrl(text, addressRule(allowedNetworks), { isAnyAllowed: allowedNetworks.length > 0 })
}

function refusalOf(text: string, allowedNetworks: string[] = []): string {
  try {
    return `accepted ${accepted(text, allowedNetworks)}`
  } catch (error) {
    if (error instanceof EnrollmentError && error.failure.code === 'webhookUrlRefused')
      return error.failure.details.because
    throw error
  }
}

const PRIVATE = 'its address is private, of this machine, or otherwise not one of the internet'
const NOT_SECURE = 'it does not begin with https://'

describe('the URL of an endpoint', () => {
  test.each([
    ['https://example.org', 'https://example.org/'],
    ['https://example.org:8443/hook?a=b', 'https://example.org:8443/hook?a=b'],
    ['https://EXAMPLE.org./hook', 'https://example.org./hook'],
    ['https://bücher.example/ö', 'https://xn--bcher-kva.example/%C3%B6'],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['https://[2606:4700:4700::1111]/', 'https://[2606:4700:4700::1111]/'],
    // What a name resolves to is looked at when something is sent.
    ['https://localhost/', 'https://localhost/'],
  ])('is accepted: %s', (text, expected) => {
    expect(accepted(text)).toBe(expected)
  })

  test.each([
    ['', 'it is no URL such as https://example.org/hook'],
    ['example.org', 'it is no URL such as https://example.org/hook'],
    ['https://', 'it is no URL such as https://example.org/hook'],
    ['https://256.1.1.1/', 'it is no URL such as https://example.org/hook'],
    ['ftp://example.org/', NOT_SECURE],
    ['file:///etc/passwd', NOT_SECURE],
    ['javascript:alert(1)', NOT_SECURE],
    ['http://example.org/', NOT_SECURE],
    ['http://8.8.8.8/', NOT_SECURE],
    ['https://user:password@example.org/', 'it has a user or a password'],
    ['https://user@example.org/', 'it has a user or a password'],
    ['https://example.org/#part', 'it has a fragment, which is never sent'],
    [`https://example.org/${'a'.repeat(2_048)}`, 'it is longer than 2048 characters'],
    ['https://127.0.0.1/', PRIVATE],
    ['https://127.1/', PRIVATE],
    ['https://0x7f.1/', PRIVATE],
    ['https://0x7f000001/', PRIVATE],
    ['https://2130706433/', PRIVATE],
    ['https://0177.0.0.1/', PRIVATE],
    ['https://0/', PRIVATE],
    ['https://127.0.0.1./', PRIVATE],
    ['https://①②⑦.0.0.1/', PRIVATE],
    ['https://169.254.169.254/latest/meta-data/', PRIVATE],
    ['https://[::1]/', PRIVATE],
    ['https://[::ffff:127.0.0.1]/', PRIVATE],
    ['https://[64:ff9b::7f00:1]/', PRIVATE],
    ['https://[fe80::1]/', PRIVATE],
    ['http://10.0.0.1/', PRIVATE],
  ])('is refused: %s, because %s', (text, because) => {
    expect(refusalOf(text)).toBe(because)
  })

  test.each([
    ['http://127.0.0.1:8080/hook', 'accepted http://127.0.0.1:8080/hook'],
    ['https://127.0.0.1/', 'accepted https://127.0.0.1/'],
    // A name may resolve into the network.
    ['http://example.org/', 'accepted http://example.org/'],
    ['http://8.8.8.8/', NOT_SECURE],
    ['http://10.0.0.1/', PRIVATE],
    ['https://10.0.0.1/', PRIVATE],
    ['https://8.8.8.8/', 'accepted https://8.8.8.8/'],
  ])('where 127.0.0.0/8 is allowed: %s is %s', (text, expected) => {
    expect(refusalOf(text, ['127.0.0.0/8'])).toBe(expected)
  })
})
