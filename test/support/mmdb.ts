import ipaddr from 'ipaddr.js'

type Value = string | number | Value[] | { [key: string]: Value }

interface MmdbOptions {
  /** What is known of each network, such as `{ '192.0.2.0/24': { country_code: 'FR' } }`. */
  readonly networks: Readonly<Record<string, Value>>
  readonly ipVersion?: 4 | 6
  readonly databaseType?: string
}

/** Writes a database in MaxMind's format, version 2, small enough for everything in it to be in its short form. */
export function writeMmdb({ networks, ipVersion = 6, databaseType = 'Test' }: MmdbOptions): Buffer {
  const tree: Node = [null, null]
  const parts: Buffer[] = []
  let size = 0
  for (const [network, record] of Object.entries(networks)) {
    insert(tree, bitsOf(network, ipVersion), size)
    const part = encode(record)
    parts.push(part)
    size += part.length
  }
  const nodes = numbered(tree)
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    database_type: databaseType,
    description: {},
    ip_version: ipVersion,
    languages: [],
    node_count: nodes.length,
    record_size: 24,
  })
  const marker = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com')])
  return Buffer.concat([...nodes.map((node) => encodeNode(node, nodes)), Buffer.alloc(16), ...parts, marker, metadata])
}

/** A number is where the record of a network begins; null: nothing is known. */
type Node = [Child, Child]
type Child = Node | number | null

function bitsOf(network: string, ipVersion: 4 | 6): (0 | 1)[] {
  const [address, length] = ipaddr.parseCIDR(network)
  const prefix = address.kind() === 'ipv4' && ipVersion === 6 ? Array.from({ length: 96 }, () => 0 as const) : []
  const bits = address
    .toByteArray()
    .flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => ((byte >> bit) & 1) as 0 | 1))
  return [...prefix, ...bits.slice(0, length)]
}

function insert(tree: Node, bits: readonly (0 | 1)[], record: number): void {
  let node = tree
  for (const [index, bit] of bits.entries()) {
    if (index === bits.length - 1) {
      node[bit] = record
      return
    }
    const child = node[bit]
    const next: Node = Array.isArray(child) ? child : [null, null]
    node[bit] = next
    node = next
  }
}

function numbered(node: Node): Node[] {
  return [node, ...node.flatMap((child) => (Array.isArray(child) ? numbered(child) : []))]
}

function encodeNode(node: Node, nodes: readonly Node[]): Buffer {
  const bytes = Buffer.alloc(6)
  for (const [index, child] of node.entries()) {
    const pointer = Array.isArray(child) ? nodes.indexOf(child) : nodes.length + (child === null ? 0 : 16 + child)
    bytes.writeUIntBE(pointer, index * 3, 3)
  }
  return bytes
}

const TYPES = { string: 2, uint32: 6, map: 7 }

function encode(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([control(TYPES.string, value.length), Buffer.from(value)])
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(TYPES.uint32, 4), bytes])
  }
  // An array is a type of its second byte.
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([value.length, 4]), ...value.map(encode)])
  const entries = Object.entries(value).flat()
  return Buffer.concat([control(TYPES.map, entries.length / 2), ...entries.map(encode)])
}

function control(type: number, size: number): Buffer {
  if (size > 28) throw new Error('Too long for its short form')
  return Buffer.from([(type << 5) | size])
}
