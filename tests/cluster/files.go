package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// files are the paths of keys and certificates, and of the kubeconfig of somebody who may do everything.
type files struct {
	ca, caKey, serverCertificate, serverKey, adminCertificate, adminKey string
	proxyCertificate, proxyKey, accountKey, kubeconfig                  string
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func writeFiles(folder, server string) (files, error) {
	at := func(name string) string { return filepath.Join(folder, name) }
	f := files{
		ca: at("ca.crt"), caKey: at("ca.key"),
		serverCertificate: at("server.crt"), serverKey: at("server.key"),
		adminCertificate: at("admin.crt"), adminKey: at("admin.key"),
		proxyCertificate: at("front-proxy.crt"), proxyKey: at("front-proxy.key"),
		accountKey: at("service-account.key"), kubeconfig: at("kubeconfig"),
	}
	ca, err := newAuthority(f)
	if err != nil {
		return f, err
	}
	people := []struct {
		certificate, key string
		subject          pkix.Name
		usage            x509.ExtKeyUsage
	}{
		{f.serverCertificate, f.serverKey, pkix.Name{CommonName: "kube-apiserver"}, x509.ExtKeyUsageServerAuth},
		{f.adminCertificate, f.adminKey, pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}, x509.ExtKeyUsageClientAuth},
		{f.proxyCertificate, f.proxyKey, pkix.Name{CommonName: "front-proxy"}, x509.ExtKeyUsageClientAuth},
	}
	for _, p := range people {
		if err := ca.issue(p.certificate, p.key, p.subject, p.usage); err != nil {
			return f, err
		}
	}
	if err := writeAccountKey(f.accountKey); err != nil {
		return f, err
	}
	return f, f.writeKubeconfig(server)
}

func newAuthority(f files) (authority, error) {
	key, err := newKey(f.caKey)
	if err != nil {
		return authority{}, err
	}
	certificate := template(pkix.Name{CommonName: "cluster"})
	certificate.IsCA, certificate.BasicConstraintsValid, certificate.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	if err != nil {
		return authority{}, err
	}
	if err := writePEM(f.ca, "CERTIFICATE", der); err != nil {
		return authority{}, err
	}
	certificate, err = x509.ParseCertificate(der)
	return authority{certificate, key}, err
}

// issue writes a key and a certificate for it.
func (a authority) issue(path, keyPath string, subject pkix.Name, usage x509.ExtKeyUsage) error {
	key, err := newKey(keyPath)
	if err != nil {
		return err
	}
	certificate := template(subject)
	certificate.KeyUsage, certificate.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{usage}
	if usage == x509.ExtKeyUsageServerAuth {
		certificate.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
		certificate.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writePEM(path, "CERTIFICATE", der)
}

func template(subject pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system has no random bytes: nothing would work
	}
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0)}
}

// newKey writes a new key as PKCS#8, which every TLS library reads.
func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "PRIVATE KEY", der)
}

// writeAccountKey writes the key of service accounts as SEC 1: the server derives the public key only from that form.
func writeAccountKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func (f files) writeKubeconfig(server string) error {
	contents := map[string][]byte{}
	for _, path := range []string{f.ca, f.adminCertificate, f.adminKey} {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		contents[path] = content
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: contents[f.ca]}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: contents[f.adminCertificate], ClientKeyData: contents[f.adminKey],
	}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "admin"}
	config.CurrentContext = "test"
	return clientcmd.WriteToFile(*config, f.kubeconfig)
}
