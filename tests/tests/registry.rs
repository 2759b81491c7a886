//! Modules in a real OCI registry on loopback: pushed, pulled, deployed from, refused.

use fleetstep_server::guests;
use fleetstep_tests::program::Serving;
use fleetstep_tests::{http, program, root};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// How often it is looked whether the registry listens, and how long that takes between two looks.
const LOOKS_MAX: usize = 500;
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// What `htpasswd -nbB ada "correct horse"` prints.
const HTPASSWD: &str = "ada:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n";
/// `ada:correct horse` and `ada:wrong`, as Docker's file of logins has them.
const RIGHT: &str = "YWRhOmNvcnJlY3QgaG9yc2U=";
const WRONG: &str = "YWRhOndyb25n";

/// `docker-registry` on a port of its own; ended when it is dropped.
struct Registry {
    process: Child,
    host: String,
}

impl Registry {
    /// One that keeps its data below `folder`, and asks for a login where there is a file of them.
    fn start(folder: &Path, logins: Option<&Path>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let host = format!("127.0.0.1:{port}");
        let login = logins.map(|file| format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display()));
        let config = folder.join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n{}",
            folder.join("data").display(),
            login.unwrap_or_default()
        );
        std::fs::write(&config, text).expect("its configuration");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("a registry");
        let registry = Self { process, host };
        let listens = (0..LOOKS_MAX).any(|_| {
            std::thread::sleep(LOOK_PAUSE);
            TcpStream::connect(&registry.host).is_ok()
        });
        assert!(listens, "the registry does not listen");
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether there is a registry to test with; says in one line that there is none.
fn has_registry() -> bool {
    let found = Command::new("docker-registry").arg("--version").output().is_ok();
    assert!(found || std::env::var_os("FLEETSTEP_REGISTRY_REQUIRED").is_none(), "there is no docker-registry");
    if !found {
        println!("skipped: no docker-registry on this machine (apt-get install docker-registry)");
    }
    found
}

/// The program, with logins of `folder` alone.
fn fleetstep(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program::folder().expect("the program").join("fleetstep"));
    command.env("DOCKER_CONFIG", folder).args(arguments).output().expect("it runs")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn modules_are_pushed_pulled_and_deployed_by_their_references() {
    if !has_registry() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let registry = Registry::start(folder.path(), None);
    let host = &registry.host;
    let module = guests::build(&root().join("tests/guests/noop"), guests::DEFAULT_TARGET).expect("a guest");
    let (module, bytes) = (module.to_str().expect("UTF-8"), std::fs::read(&module).expect("the module"));
    let run = |arguments: &[&str]| fleetstep(folder.path(), arguments);

    let tag = format!("{host}/team/noop:1");
    let pushed = said(&run(&["push", &tag, module]));
    let digest = pushed.strip_prefix(&format!("oci://{tag}@")).expect("a digest").to_owned();
    assert_eq!(said(&run(&["push", &tag, module])), pushed, "equal modules have equal digests");
    let out = at("pulled.wasm");
    let pull = |reference: &str| run(&["pull", reference, "-o", out.to_str().expect("UTF-8")]);
    for reference in [tag.clone(), format!("oci://{tag}"), format!("{host}/team/noop@{digest}"), pushed.clone()] {
        assert!(said(&pull(&reference)).ends_with(&digest), "{reference}");
        assert_eq!(std::fs::read(&out).expect("what was pulled"), bytes);
    }

    let other = format!("{host}/team/noop@sha256:{}", "0".repeat(64));
    assert!(refused(&pull(&other)).contains("404"), "no such digest");
    assert!(refused(&pull(&format!("{host}/team/noop:2"))).contains("404"), "no such tag");
    let small = ["pull", &tag, "-o", out.to_str().expect("UTF-8"), "--max-mib", "0"];
    assert!(refused(&run(&small)).contains("more than 0 bytes"));
    let text = at("text.wasm");
    std::fs::write(&text, "no module").expect("a file");
    assert!(refused(&run(&["push", &tag, text.to_str().expect("UTF-8")])).contains("no WebAssembly module"));

    // Functions of a directory go by their names, one below the other.
    let deployed = at("deployed");
    std::fs::create_dir(&deployed).expect("a folder");
    std::fs::copy(module, deployed.join("first.wasm")).expect("a copy");
    std::fs::copy(module, deployed.join("second.wasm")).expect("a copy");
    let all = format!("{host}/all:7");
    let pushed_all = said(&run(&["push", &all, "first", "second", "--directory", deployed.to_str().expect("UTF-8")]));
    let expected = ["first", "second"].map(|name| format!("oci://{host}/all/{name}:7@{digest}"));
    assert_eq!(pushed_all.lines().collect::<Vec<_>>(), expected);

    // A directory that names a module in the registry, and a server that may fetch from there.
    let by_reference = at("by-reference");
    std::fs::create_dir(&by_reference).expect("a folder");
    let manifest = format!("[functions.noop]\nmodule = \"{pushed}\"\n");
    std::fs::write(by_reference.join("fleetstep.toml"), manifest).expect("a manifest");
    let directory = by_reference.to_str().expect("UTF-8");
    let server = Serving::start([directory, "--in-memory", "--module-registry", host]).expect("a server");
    let put = |server: &Serving, name: &str, body: &str| {
        http::request(server.address, "PUT", &format!("/v1/functions/{name}"), http::JSON, body.as_bytes())
            .expect("an answer")
    };
    let body = format!("{{\"module\": \"oci://{tag}\", \"memory_mib\": 7}}");
    let answer = put(&server, "fetched", &body);
    assert_eq!(answer.0, 201, "{}", answer.1);
    for name in ["noop", "fetched"] {
        let answer = http::request(server.address, "POST", &format!("/v1/functions/{name}/invoke"), http::JSON, b"{}");
        assert_eq!(answer.expect("an answer").0, 200, "{name}");
    }
    let elsewhere = put(&server, "fetched", "{\"module\": \"oci://ghcr.io/team/task:1\"}");
    assert!(elsewhere.0 == 403 && elsewhere.1.to_string().contains("--module-registry"), "{elsewhere:?}");
    let missing = put(&server, "fetched", &format!("{{\"module\": \"oci://{host}/team/noop:9\"}}"));
    assert_eq!(missing.0, 502, "{}", missing.1);
    let closed = Serving::start(["--in-memory"]).expect("a server");
    assert_eq!(put(&closed, "fetched", &body).0, 403, "off unless it is said");
}

#[test]
fn a_registry_that_wants_a_login_gets_that_of_docker() {
    if !has_registry() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let logins = folder.path().join("htpasswd");
    std::fs::write(&logins, HTPASSWD).expect("a file");
    let registry = Registry::start(folder.path(), Some(&logins));
    let module = guests::build(&root().join("tests/guests/noop"), guests::DEFAULT_TARGET).expect("a guest");
    let reference = format!("{}/noop:1", registry.host);
    let push = || fleetstep(folder.path(), &["push", &reference, module.to_str().expect("UTF-8")]);
    assert!(refused(&push()).contains("docker login"), "no login");
    let login = |auth: &str| {
        let text = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", registry.host);
        std::fs::write(folder.path().join("config.json"), text).expect("a file");
    };
    login(WRONG);
    assert!(refused(&push()).contains("401"), "a wrong one");
    login(RIGHT);
    assert!(said(&push()).contains("@sha256:"));
}
