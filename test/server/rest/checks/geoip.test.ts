import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { GeoipError, openGeoip } from '../../../../server/rest/checks/geoip.ts'
import { writeMmdb } from '../../../support/mmdb.ts'
import { buildTestApp } from '../../../support/server.ts'
import { openDatabase } from '../../../../core/database/open.ts'

describe('the DB-IP Lite file of the development dependencies', () => {
  test.each([
    ['8.8.8.8', 'US'],
    ['5.160.0.1', 'IR'],
    ['5.160.0.1:4431', 'IR'],
    ['::ffff:5.160.0.1', 'IR'],
    ['::ffff:5a0:1', 'IR'],
    ['175.45.176.1', 'KP'],
    ['41.67.0.1', 'SD'],
    ['2a00:1450::1', 'PL'],
    ['[2a00:1450::1]:443', 'PL'],
    ['127.0.0.1', null],
    ['10.0.0.1', null],
    ['::1', null],
    ['fe80::1%eth0', null],
    ['010.0.0.1', null],
    ['8.8', null],
    ['garbage', null],
    [null, null],
  ])('%s is in %s', async (address, country) => {
    const countryOf = await openGeoip()
    expect(countryOf(address)).toBe(country)
  })
})

describe('both layouts', () => {
  test.each([
    ['country.iso_code', { country: { iso_code: 'FR', geoname_id: 3_017_382 }, continent: { code: 'EU' } }],
    ['country_code', { country_code: 'FR' }],
    ['country_code in small letters', { country_code: 'fr' }],
  ])('%s', async (_layout, record) => {
    const networks = {
      '192.0.2.0/24': record,
      '198.51.100.0/24': { continent: { code: 'EU' } },
      '2001:db8::/32': record,
    }
    const countryOf = await openGeoip(await file(writeMmdb({ networks })))
    expect(['192.0.2.1', '2001:db8::1'].map(countryOf)).toEqual(['FR', 'FR'])
    expect(['198.51.100.1', '203.0.113.1', '2001:db9::1'].map(countryOf)).toEqual([null, null, null])
  })

  test('a file of IPv4 alone knows nothing of IPv6', async () => {
    const networks = { '32.0.0.0/8': { country_code: 'FR' } }
    const countryOf = await openGeoip(await file(writeMmdb({ networks, ipVersion: 4 })))
    expect(countryOf('32.1.2.3')).toBe('FR')
    expect(countryOf('2001:db8::1')).toBeNull()
  })
})

describe('a file that cannot be used', () => {
  test('is missing', async () => {
    await expect(openGeoip('no/such.mmdb')).rejects.toThrow('GEOIP_DATABASE: no/such.mmdb cannot be read (ENOENT).')
  })

  test.each<[how: string, make: (good: Buffer) => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['of another kind', () => Buffer.from('<html>')],
    ['cut off', (good) => good.subarray(0, good.length / 2)],
    ['long and of another kind', () => Buffer.alloc(300_000, 7)],
  ])('is %s', async (_how, make) => {
    const path = await file(make(writeMmdb({ networks: { '192.0.2.0/24': { country_code: 'FR' } } })))
    await expect(openGeoip(path)).rejects.toThrow(`GEOIP_DATABASE: ${path} is no .mmdb file, or a damaged one.`)
  })

  test('knows no countries', async () => {
    const networks = { '192.0.2.0/24': { autonomous_system_number: 64_496 } }
    const path = await file(writeMmdb({ networks, databaseType: 'GeoLite2-ASN' }))
    const message = `GEOIP_DATABASE: ${path} (GeoLite2-ASN) has no countries of IPv4 addresses.`
    await expect(openGeoip(path)).rejects.toThrow(message)
  })

  test('stops the start of the server, where the embargo is on', async () => {
    await using db = openDatabase({ connectionString: 'postgresql://127.0.0.1:1/none' })
    const on = buildTestApp({ db, env: { EMBARGO: 'on', GEOIP_DATABASE: 'no/such.mmdb' } })
    await expect(on.ready()).rejects.toThrow(GeoipError)
    const off = buildTestApp({ db, env: { EMBARGO: 'off', GEOIP_DATABASE: 'no/such.mmdb' } })
    await off.ready()
    await off.close()
  })
})

async function file(bytes: Buffer): Promise<string> {
  const path = join(await mkdtemp(join(inject('scratch'), 'geoip-')), 'countries.mmdb')
  await writeFile(path, bytes)
  return path
}
