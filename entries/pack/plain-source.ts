/**
 * The source of a module as a debugger shows it, every line at its place: without the comments that stand on lines of their own. Those
 * about what is exported are in the declarations, all of them in the repository; the package has to stay small.
 */
export function plainSource(text: string): string {
  let isWithinComment = false
  const lines = text.split('\n').map((line) => {
    const isComment = isWithinComment || /^ *\/[*/]/.test(line)
    if (isComment) isWithinComment = (isWithinComment || /^ *\/\*/.test(line)) && !line.includes('*/')
    return isComment ? '' : line
  })
  return lines.join('\n')
}
