/** The interpreters whose scripts are reported, and how each reads its command line. */

/** Options are whole words (`--import x`, `-jar`). */
export interface WordOptions {
  readonly style: 'words'
  /** Take the next argument as their value, unless they carry one after "=". */
  readonly withValue: ReadonlySet<string>
  /** With one of these the interpreter runs no file named on the command line. */
  readonly withoutScript: ReadonlySet<string>
  /** Whether `_` in a long option is `-`. */
  readonly foldsUnderscores?: boolean
  /** First words that are commands; `true` when a script follows. */
  readonly commands?: ReadonlyMap<string, boolean>
  /** A script is only run after this option, or when its name ends with this suffix. */
  readonly scriptNeeds?: { readonly option: string; readonly orSuffix: string }
}

/** Short options are letters that can be written together (`-euo pipefail`); long ones are words. */
export interface LetterOptions {
  readonly style: 'letters'
  /** The rest of the cluster, or else the next argument, is the value. */
  readonly withValue: string
  /** The next argument is the value; the cluster goes on. */
  readonly withNextValue?: string
  /** The rest of the cluster is the value, even when it is empty. */
  readonly withAttachedValue?: string
  /** Digits that follow belong to the letter; the cluster goes on. */
  readonly withDigits?: string
  /** With one of these the interpreter runs no file named on the command line. */
  readonly withoutScript: string
  /** Names a module instead of a file. */
  readonly module?: string
  /** Names the script itself. */
  readonly script?: string
  readonly longWithValue?: ReadonlySet<string>
  readonly longWithoutScript?: ReadonlySet<string>
  readonly longScript?: string
  /** Whether `+x` is an option too. */
  readonly plus?: boolean
}

export interface Interpreter {
  /** Base name of the executable, after all links. */
  readonly executable: RegExp
  readonly options: WordOptions | LetterOptions
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ''))
const commands = (scripts: string, others: string): ReadonlyMap<string, boolean> =>
  new Map([
    ...[...words(scripts)].map((word) => [word, true] as const),
    ...[...words(others)].map((word) => [word, false] as const),
  ])

const VERSION = '(?:[0-9]+(?:\\.[0-9]+)*)?'

export const INTERPRETERS: readonly Interpreter[] = [
  {
    executable: /^node(?:js)?[0-9]*$/,
    options: {
      style: 'words',
      foldsUnderscores: true,
      withValue:
        words(`-r --require --import --loader --experimental-loader -C --conditions --env-file --env-file-if-exists
        --title --input-type --max-http-header-size --icu-data-dir --openssl-config --tls-cipher-list --tls-keylog
        --disable-proto --disable-warning --diagnostic-dir --dns-result-order --unhandled-rejections --use-largepages
        --redirect-warnings --report-dir --report-directory --report-filename --report-signal --heapsnapshot-signal
        --heapsnapshot-near-heap-limit --secure-heap --secure-heap-min --snapshot-blob --v8-pool-size --inspect-port
        --debug-port --inspect-publish-uid --trace-event-categories --trace-event-file-pattern --trace-require-module
        --localstorage-file --watch-path --watch-kill-signal --allow-fs-read --allow-fs-write --cpu-prof-dir
        --cpu-prof-name --cpu-prof-interval --heap-prof-dir --heap-prof-name --heap-prof-interval
        --max-old-space-size-percentage --network-family-autoselection-attempt-timeout --experimental-default-type
        --es-module-specifier-resolution --experimental-specifier-resolution --experimental-policy --policy-integrity
        --experimental-package-map`),
      withoutScript: words(`-e --eval -p --print -pe -ep -i --interactive --run --test --build-sea
        --experimental-sea-config --build-snapshot-config --v8-options --completion-bash`),
      commands: commands('', 'inspect debug'),
    },
  },
  {
    executable: /^deno$/,
    options: {
      style: 'words',
      withValue: words('-c --config --import-map --lock --cert --location --seed --ext -L --log-level --preload'),
      withoutScript: words('-e --eval -h --help -V --version'),
      commands: commands(
        'run serve',
        `eval repl test bench check cache compile coverage doc fmt info init install uninstall jupyter lint lsp add
        remove outdated publish task types upgrade vendor bundle clean approve-scripts audit x create`,
      ),
    },
  },
  {
    executable: /^bun$/,
    options: {
      style: 'words',
      withValue: words(`-r --preload --require --import --cwd -c --config --env-file --port -d --define -l --loader
        --tsconfig-override --conditions --main-fields --extension-order --title --install -F --filter`),
      withoutScript: words('-e --eval -p --print -h --help -v --version --revision'),
      commands: commands(
        'run',
        `test x repl exec install i add a remove rm update audit outdated link unlink publish patch pm info why build
        init create c upgrade feedback`,
      ),
    },
  },
  {
    executable: /^java$/,
    options: {
      style: 'words',
      withValue: words(`-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --limit-modules
        --add-reads --add-exports --add-opens --patch-module --source --enable-native-access --describe-module -d`),
      withoutScript: words('-m --module --version -version --help -help --list-modules --show-version-only'),
      scriptNeeds: { option: '-jar', orSuffix: '.java' },
    },
  },
  {
    executable: new RegExp(`^(?:python|pypy)${VERSION}t?$`),
    options: {
      style: 'letters',
      withValue: 'WX',
      withoutScript: 'c',
      module: 'm',
      longWithValue: words('--check-hash-based-pycs'),
    },
  },
  {
    executable: new RegExp(`^ruby-?${VERSION}$`),
    options: {
      style: 'letters',
      withValue: 'CEIrX',
      withAttachedValue: 'FiKx',
      withDigits: '0TW',
      withoutScript: 'eS',
      longWithValue: words('--encoding --external-encoding --internal-encoding --enable --disable --dump --parser'),
    },
  },
  {
    executable: new RegExp(`^perl${VERSION}$`),
    options: {
      style: 'letters',
      withValue: 'I',
      withAttachedValue: 'CDdFimMVx',
      withDigits: '0l',
      withoutScript: 'eES',
    },
  },
  {
    executable: new RegExp(`^php(?:-cli)?${VERSION}$`),
    options: {
      style: 'letters',
      withValue: 'cdgtz',
      withoutScript: 'aBEFrRS',
      script: 'f',
      longScript: '--file',
      longWithValue: words('--php-ini --define --zend-extension --docroot'),
      longWithoutScript: words(
        '--run --interactive --server --process-begin --process-code --process-end --process-file',
      ),
    },
  },
  {
    executable: /^(?:ba|da)?sh$/,
    options: {
      style: 'letters',
      withValue: '',
      withNextValue: 'oO',
      withoutScript: 'cs',
      longWithValue: words('--rcfile --init-file'),
      plus: true,
    },
  },
]
