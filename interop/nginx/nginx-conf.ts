export interface NginxPorts {
  /** Rewrites Host and passes on, content unchanged. */
  readonly proxy: number
  /** The same, and changes the content on the way. */
  readonly changing: number
  /** HTTPS in front, mutual TLS behind. */
  readonly tls: number
}

/** Files with this program's certificate, key and the roots, PEM. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
  readonly roots: string
}

/**
 * A configuration of nginx as a reverse proxy, in one folder and on loopback alone.
 *
 * @param upstream port of the service, plain HTTP
 */
export function nginxConf(
  folder: string,
  ports: NginxPorts,
  upstream: number,
  mtls: number,
  files: CertificateFiles,
): string {
  const location = `
      proxy_http_version 1.1;
      proxy_set_header Host internal.example;
      proxy_set_header X-Forwarded-Host evil.example;
      proxy_set_header Connection "";`
  return `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx-error.log warn;
events { worker_connections 256; }
http {
  access_log off;
  large_client_header_buffers 4 32k;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream service { server 127.0.0.1:${upstream}; keepalive 8; }
  upstream secure { server 127.0.0.1:${mtls}; keepalive 8; }
  server {
    listen 127.0.0.1:${ports.proxy};
    location / {${location}
      proxy_pass http://service;
    }
  }
  server {
    listen 127.0.0.1:${ports.changing};
    location / {${location}
      proxy_set_body '{"item":"safe"}';
      proxy_pass http://service;
    }
    location /response {${location}
      proxy_pass http://service;
      sub_filter_types *;
      sub_filter_once off;
      sub_filter lamp safe;
    }
  }
  server {
    listen 127.0.0.1:${ports.tls} ssl;
    ssl_certificate ${files.certificate};
    ssl_certificate_key ${files.key};
    ssl_client_certificate ${files.roots};
    ssl_verify_client on;
    location / {${location}
      proxy_pass https://secure;
      proxy_ssl_certificate ${files.certificate};
      proxy_ssl_certificate_key ${files.key};
      proxy_ssl_trusted_certificate ${files.roots};
      proxy_ssl_verify on;
      proxy_ssl_name orders.interop.example;
      proxy_ssl_server_name on;
    }
  }
}
`
}
