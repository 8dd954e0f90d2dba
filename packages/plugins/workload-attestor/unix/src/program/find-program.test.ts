import { describe, expect, it } from 'vitest'
import { findProgram } from './find-program.ts'

const split = (line: string) => line.split(' ')
const script = (path: string) => ({ script: path })

describe('findProgram', () => {
  it.each([
    ['node', 'node app.js'],
    ['node', 'node app.js --import x -e y'],
    ['node', 'node --import x app.js'],
    ['node', 'node --import=x app.js'],
    ['node', 'node -r x --require y -C dev app.js'],
    ['node', 'node --env-file .env --enable-source-maps app.js'],
    ['node', 'node --env_file .env app.js'],
    ['node', 'node --max-old-space-size=4096 --inspect app.js'],
    ['node', 'node --inspect=0.0.0.0:9229 app.js'],
    ['node', 'node -- app.js'],
    ['node', 'my-title app.js'],
    ['node20', 'node app.js'],
    ['nodejs', 'nodejs app.js'],
    ['deno', 'deno run app.js'],
    ['deno', 'deno run -A --allow-net=example.org --config deno.json app.js'],
    ['deno', 'deno serve app.js'],
    ['deno', 'deno app.js'],
    ['bun', 'bun app.js'],
    ['bun', 'bun run --preload x app.js'],
    ['bun', 'bun --watch run app.js'],
    ['java', 'java -jar app.js'],
    ['java', 'java -Xmx1g -Dfoo=bar -cp lib -jar -ea app.js'],
    ['java', 'java --add-opens a/b=c -jar app.js -m x'],
    ['java', 'java --add-modules ALL-SYSTEM -jar app.js'],
    ['python3.11', 'python3 app.js'],
    ['python3', '/usr/bin/python3 -u -OO app.js -m x'],
    ['python', 'python -W ignore -Xdev -X utf8 app.js'],
    ['python3.13t', 'python -bWignore app.js'],
    ['pypy3', 'pypy3 -Is app.js'],
    ['python3', 'python3 --check-hash-based-pycs always app.js'],
    ['python3', 'python3 -- app.js'],
    ['ruby3.1', 'ruby -w -I lib -rjson app.js'],
    ['ruby', 'ruby -W2 -E UTF-8 --encoding UTF-8 --yjit app.js'],
    ['ruby', 'ruby -Ilib -r json app.js'],
    ['perl', 'perl -w app.js'],
    ['perl5.36.0', 'perl -I lib -Mstrict -l012 -0777 app.js'],
    ['perl', 'perl -CSD -T app.js'],
    ['php8.2', 'php app.js'],
    ['php', 'php -d a=b -c /etc -n app.js'],
    ['php', 'php -f app.js'],
    ['php', 'php -fapp.js'],
    ['php', 'php --file app.js'],
    ['php', 'php --file=app.js -- x'],
    ['bash', 'bash app.js'],
    ['bash', 'bash -eu -o pipefail app.js'],
    ['bash', 'bash -euo pipefail app.js'],
    ['bash', 'bash -oe pipefail app.js'],
    ['bash', 'bash --norc --rcfile x +o history +x app.js'],
    ['bash', '-bash app.js'],
    ['dash', 'sh -e app.js -c x'],
    ['dash', 'sh -- app.js'],
  ])('%s runs app.js: %s', (executable, line) => {
    expect(findProgram(executable, split(line))).toEqual(script('app.js'))
  })

  it.each([
    ['python3', 'python3 -m http.server', 'http.server'],
    ['python3.12', 'python3 -mhttp.server 80', 'http.server'],
    ['python3', 'python3 -Ium uvicorn app:app', 'uvicorn'],
    ['python3', 'python3 -W ignore -m venv', 'venv'],
  ])('%s runs a module: %s', (executable, line, module) => {
    expect(findProgram(executable, split(line))).toEqual({ module })
  })

  it('takes a source file as what java runs', () => {
    expect(findProgram('java', split('java --source 17 Hello.java'))).toEqual(script('Hello.java'))
  })

  it.each([
    ['node', 'node'],
    ['node', 'node -e code app.js'],
    ['node', 'node --eval=code app.js'],
    ['node', 'node -p code app.js'],
    ['node', 'node -pe code app.js'],
    ['node', 'node --import x -e code app.js'],
    ['node', 'node - app.js'],
    ['node', 'node --run build'],
    ['node', 'node --test app.js'],
    ['node', 'node inspect app.js'],
    ['node', 'node --import'],
    ['node', 'node --'],
    ['deno', 'deno eval code'],
    ['deno', 'deno task start'],
    ['deno', 'deno run'],
    ['bun', 'bun test app.js'],
    ['bun', 'bun x tool'],
    ['bun', 'bun -e code'],
    ['java', 'java -cp app.jar com.example.Main'],
    ['java', 'java -m app/com.example.Main -jar app.jar'],
    ['java', 'java @args -jar app.jar'],
    ['java', 'java -jar @args'],
    ['java', 'java -jar'],
    ['python3', 'python3'],
    ['python3', 'python3 -c code app.py'],
    ['python3', 'python3 -Ic code app.py'],
    ['python3', 'python3 -'],
    ['python3', 'python3 -m'],
    ['ruby', 'ruby -e code app.rb'],
    ['ruby', 'ruby -ne code app.rb'],
    ['ruby', 'ruby -S app.rb'],
    ['perl', 'perl -e code app.pl'],
    ['perl', 'perl -0777ne code app.pl'],
    ['perl', 'perl -l012e code app.pl'],
    ['perl', 'perl -MFoo -E code app.pl'],
    ['php', 'php -r code'],
    ['php', 'php --run code'],
    ['php', 'php -S localhost:80 app.php'],
    ['php', 'php -t public -S localhost:80'],
    ['bash', 'bash -c code app.sh'],
    ['bash', 'bash -ec code app.sh'],
    ['bash', 'bash -s app.sh'],
    ['bash', 'bash'],
    ['dash', 'sh -'],
  ])('%s runs no file: %s', (executable, line) => {
    expect(findProgram(executable, split(line))).toBe(undefined)
  })

  it.each(['cat', 'nodemon', 'python-config', 'perldoc', 'zsh', 'sh2', 'bash.real', '', 'deno2', 'javac', 'rubygems'])(
    '%j is no interpreter it knows',
    (executable) => expect(findProgram(executable, [executable, 'app.js'])).toBe(undefined),
  )

  it('gives up at an argument that cannot be read', () => {
    expect(findProgram('node', ['node', undefined, 'app.js'])).toBe(undefined)
    expect(findProgram('node', ['node', '--', undefined])).toBe(undefined)
    expect(findProgram('bash', ['bash', undefined, 'app.sh'])).toBe(undefined)
  })

  it('takes an empty argument as no script', () => {
    expect(findProgram('node', ['node', '', 'app.js'])).toBe(undefined)
    expect(findProgram('dash', ['sh', '', 'app.sh'])).toBe(undefined)
  })

  it('does not take the name of a process for its script', () => {
    expect(findProgram('node', ['node app.js --port 80'])).toBe(undefined)
  })
})
