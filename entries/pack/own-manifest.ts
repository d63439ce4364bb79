import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What `package.json` says of this repository. */
export interface OwnManifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  /** The file of each public entry, by its name from outside, such as `./client`. */
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

export async function readOwnManifest(root: string): Promise<OwnManifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as OwnManifest // it is ours
}
