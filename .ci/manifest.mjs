// Answers from `cargo metadata` that .ci/run asks for.
//
//   node manifest.mjs features                       the names of our features, one a line
//   node manifest.mjs rust-version                   the oldest Rust we promise to build with
//   node manifest.mjs dependencies-within VERSION    fails if one that our users build asks for a newer Rust
import { execFileSync } from 'node:child_process';

const metadata = JSON.parse(execFileSync('cargo', ['metadata', '--format-version', '1', '--all-features'], {
  encoding: 'utf8', maxBuffer: 256 << 20, stdio: ['ignore', 'pipe', 'inherit'],
}));
const packages = new Map(metadata.packages.map((item) => [item.id, item]));
const ours = packages.get(metadata.resolve.root);

/** Everything our users build with us; what only our own tests need is left out. */
function dependencies() {
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const found = new Set([ours.id]);
  for (const id of found) {
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind !== 'dev')) found.add(pkg);
    }
  }
  return [...found].map((id) => packages.get(id));
}

function isNewer(version, than) {
  const [major, minor] = version.split('.').map(Number);
  const [wantedMajor, wantedMinor] = than.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor > wantedMinor);
}

const [question, argument] = process.argv.slice(2);
switch (question) {
  case 'features':
    console.log(Object.keys(ours.features).join('\n'));
    break;
  case 'rust-version':
    console.log(ours.rust_version);
    break;
  case 'dependencies-within': {
    const all = dependencies();
    const newer = all.filter(({ rust_version }) => rust_version && isNewer(rust_version, argument));
    newer.forEach(({ name, version, rust_version }) => console.log(`${name} ${version} asks for Rust ${rust_version}`));
    console.log(`${all.length} packages, ${newer.length} of them ask for a Rust newer than ${argument}`);
    process.exitCode = newer.length > 0 ? 1 : 0;
    break;
  }
  default:
    throw new Error(`no such question: ${question}`);
}
