import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compile } from './compile.ts'
import { packedManifest } from './manifest.ts'

// Makes the tarball that other projects install, and prints its path. What is compiled stays out of this repository.

const root = join(import.meta.dirname, '../..')
const place = await mkdtemp(join(tmpdir(), 'enrollment-service-'))
const contents = join(place, 'contents')
try {
  const packages = await compile(root, contents)
  const manifest = await packedManifest(root, packages)
  await writeFile(join(contents, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  await copyFile(join(root, 'LICENSE'), join(contents, 'LICENSE'))
  await copyFile(join(root, 'docs/use-in-your-project.md'), join(contents, 'README.md'))
  const { stdout } = await promisify(execFile)('npm', ['pack', '--silent', '--pack-destination', place], {
    cwd: contents,
  })
  process.stdout.write(`${join(place, stdout.trim())}\n`)
} finally {
  await rm(contents, { recursive: true, force: true })
}
