using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "main", worker = .task) ],
  # The address is given on the command line.
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ]
);

const task :Workerd.Worker = (
  modules = [ (name = "worker", esModule = embed "worker.js") ],
  compatibilityDate = "2026-01-01",
);
