package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// network gives pods addresses, and leads there.
//
// A pod's address is 10.N.x.y, N the cluster's own; the programs of pods listen on 127.N.x.y, which every process of this
// machine reaches. The API server refuses to talk to loopback addresses, so it is told to go through a proxy (as it
// would in a cluster whose nodes are elsewhere), which dials 127.N.x.y where it is asked for 10.N.x.y.
type network struct {
	number int
	pods   atomic.Uint32
	// claim keeps others from taking the same number, as long as this process lives.
	claim net.Listener
	// egress is the configuration that names the proxy to the API server.
	egress string
}

// Numbers of networks: away from 10.96, which is the services'.
const (
	networkMin = 100
	networkMax = 250
)

// claimPort is the port by which a cluster claims its number.
const claimPort = 47_999

func claimNetwork(folder string) (*network, error) {
	count := networkMax - networkMin + 1
	first := rand.IntN(count)
	for i := range count {
		number := networkMin + (first+i)%count
		claim, err := net.Listen("tcp", fmt.Sprintf("127.%d.255.254:%d", number, claimPort))
		if err != nil {
			continue
		}
		n := &network{number: number, claim: claim, egress: filepath.Join(folder, "egress.yaml")}
		return n, n.serve(folder)
	}
	return nil, errors.New("no free network of the loopback interface: too many clusters run on this machine, or it has only 127.0.0.1")
}

// next is the address of one more pod.
func (n *network) next() string {
	number := n.pods.Add(1)
	return fmt.Sprintf("10.%d.%d.%d", n.number, number/250%250, number%250+1)
}

// local is where a program of this machine reaches what has this address, with or without a port.
func (n *network) local(address string) string {
	ours := fmt.Sprintf("10.%d.", n.number)
	if rest, ok := strings.CutPrefix(address, ours); ok {
		return fmt.Sprintf("127.%d.%s", n.number, rest)
	}
	return address
}

// serve starts the proxy on a socket, and writes the configuration that names it.
func (n *network) serve(folder string) error {
	socket := filepath.Join(folder, "egress.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go n.forward(connection)
		}
	}()
	return os.WriteFile(n.egress, []byte(fmt.Sprintf(`apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
  - name: cluster
    connection:
      proxyProtocol: HTTPConnect
      transport:
        uds:
          udsName: %s
`, socket)), 0o600)
}

// forward carries one connection to where its CONNECT request leads.
func (n *network) forward(client net.Conn) {
	defer client.Close()
	reader := bufio.NewReader(client)
	request, err := http.ReadRequest(reader)
	if err != nil || request.Method != http.MethodConnect {
		fmt.Fprint(client, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
		return
	}
	target, err := net.DialTimeout("tcp", n.local(request.Host), 10*time.Second)
	if err != nil {
		fmt.Fprintf(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n%v", err)
		return
	}
	defer target.Close()
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{}, 2)
	carry := func(to net.Conn, from io.Reader) {
		io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
		done <- struct{}{}
	}
	go carry(target, reader)
	go carry(client, target)
	<-done
	<-done
}
