import { describe, expect, test } from 'vitest'
import { addressRule, isGloballyReachable } from '../../../core/webhook/address.ts'

const PRIVATE = [
  // IANA's special-purpose registry of IPv4: first and last address of each network.
  '0.0.0.0',
  '0.255.255.255',
  '10.0.0.0',
  '10.255.255.255',
  '100.64.0.0',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.0.0',
  '169.254.169.254',
  '172.16.0.0',
  '172.31.255.255',
  '192.0.0.0',
  '192.0.0.8',
  '192.0.0.170',
  '192.0.0.171',
  '192.0.2.1',
  '192.88.99.2',
  '192.168.0.0',
  '192.168.255.255',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.7',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.0',
  '255.255.255.255',
  // That of IPv6.
  '::',
  '::1',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '::ffff:169.254.169.254',
  '64:ff9b::7f00:1',
  '64:ff9b::10.1.2.3',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::8.8.8.8',
  '64:ff9b:1:ffff::1',
  '100::1',
  '100:0:0:1::1',
  '2001::1',
  '2001:0:808:808::1',
  '2001:2::1',
  '2001:10::1',
  '2001:1::4',
  '2001:db8::1',
  '2002:7f00:1::1',
  '2002:a9fe:a9fe::1',
  '2002:c0a8:1::1',
  '3fff::1',
  '3fff:fff:ffff::1',
  '5f00::1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fec0::1',
  'ff02::1',
  '2606:4700::1111%eth0',
  // No address.
  '',
  'localhost',
  '8.8.8',
]

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.0.9',
  '192.0.0.10',
  '192.0.1.0',
  '192.31.196.1',
  '192.52.193.1',
  '192.175.48.1',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2001:1::1',
  '2001:3::1',
  '2001:4:112::1',
  '2001:20::1',
  '2606:4700:4700::1111',
  '2620:4f:8000::1',
  '2a00:1450::1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
]

describe('an address', () => {
  test.each(PRIVATE)('that is not of the internet: %s', (address) => {
    expect(isGloballyReachable(address)).toBe(false)
  })

  test.each(PUBLIC)('of the internet: %s', (address) => {
    expect(isGloballyReachable(address)).toBe(true)
  })
})

describe('a network that is allowed', () => {
  const rule = addressRule(['10.1.0.0/16', '127.0.0.1', 'fd00::/8', '198.51.100.0/24'])

  test.each([
    ['10.1.2.3', true],
    ['10.2.2.3', false],
    ['127.0.0.1', true],
    ['127.0.0.2', false],
    ['::ffff:10.1.2.3', true],
    ['64:ff9b::10.1.2.3', true],
    ['2002:a01:203::1', true],
    ['fd12::1', true],
    ['fc12::1', false],
    ['8.8.8.8', false],
  ])('has %s: %s', (address, expected) => {
    expect(rule.isAllowed(address)).toBe(expected)
  })

  test.each([
    ['10.1.2.3', 'http:', true],
    ['10.1.2.3', 'https:', true],
    ['10.2.2.3', 'https:', false],
    ['8.8.8.8', 'https:', true],
    ['8.8.8.8', 'http:', false],
  ])('%s over %s may receive: %s', (address, protocol, expected) => {
    expect(rule.mayReceive(address, protocol)).toBe(expected)
  })
})
