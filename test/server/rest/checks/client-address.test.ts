import { describe, expect, test } from 'vitest'
import { canonicalAddress, clientAddresses, networkOf } from '../../../../server/rest/checks/client-address.ts'

describe('one spelling for each address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['192.0.2.1:4431', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
    ['64:ff9b::c000:201', '192.0.2.1'],
    ['2002:c000:201:5::7', '192.0.2.1'],
    ['2001:0:5ef5:79fd:0:59d:3fff:fdfe', '192.0.2.1'],
    ['::192.0.2.1', '192.0.2.1'],
  ])('%s is %s', (text, address) => {
    expect(canonicalAddress(text)).toBe(address)
  })

  test.each([
    undefined,
    '',
    'garbage',
    'unknown',
    '010.0.0.1',
    '::ffff:010.0.0.1',
    '1.1',
    '1',
    '0x7f.0.0.1',
    '256.0.0.1',
    '192.0.2.1.5',
    '192.0.2.1:',
    '192.0.2.1:port',
    '[192.0.2.1',
    '2001:db8::1::2',
    'localhost',
  ])('%s is none', (text) => {
    expect(canonicalAddress(text)).toBeNull()
  })
})

test('a network of IPv6 is its first 64 bits', () => {
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
  expect(networkOf('2001:db8:1:2::9')).toBe('2001:db8:1:2::/64')
  expect(networkOf('192.0.2.1')).toBe('192.0.2.1')
})

test('without trusted proxies there is one, of the socket', () => {
  expect(clientAddresses({ ip: '::ffff:192.0.2.1' })).toEqual(['192.0.2.1'])
})

test('with trusted proxies there are all, theirs too', () => {
  const ips = ['::ffff:10.0.0.1', '10.0.0.2:55000', 'garbage']
  expect(clientAddresses({ ip: 'garbage', ips })).toEqual(['10.0.0.1', '10.0.0.2', null])
})
